// What the page can do beyond being read: the theme, hovering from a journey to its tree, opening
// and closing trees, copying commands. Everything is there without it.
(() => {
    "use strict";
    const root = document.documentElement;
    root.classList.add("js");

    // Theme: follows the system until told otherwise; remembered where the browser lets us.
    const themes = ["auto", "light", "dark"];
    const button = document.querySelector(".theme");
    const remembered = () => {
        try {
            return localStorage.getItem("tabiji-theme");
        } catch {
            return null;
        }
    };
    const show = (theme) => {
        if (theme === "auto") {
            delete root.dataset.theme;
        } else {
            root.dataset.theme = theme;
        }
        button.textContent = `Theme: ${theme}`;
    };
    let theme = themes.includes(remembered()) ? remembered() : "auto";
    show(theme);
    button.addEventListener("click", () => {
        theme = themes[(themes.indexOf(theme) + 1) % themes.length];
        show(theme);
        try {
            localStorage.setItem("tabiji-theme", theme);
        } catch {
            // A file opened from disk may have no storage.
        }
    });

    // A span of a journey and the node it tells of light up together.
    const partners = (id) => [
        document.querySelector(`#${id} > .step, #${id} > details > summary > .step`),
        ...document.querySelectorAll(`.thought li[data-node="${id}"]`),
    ];
    const light = (element, on) => {
        const own = element.closest(".thought li[data-node]");
        const node = element.closest(".tree li[id]");
        const id = own ? own.dataset.node : node ? node.id : null;
        if (id) {
            partners(id).forEach((part) => part && part.classList.toggle("lit", on));
        }
    };
    document.querySelectorAll(".beside").forEach((box) => {
        box.addEventListener("mouseover", (event) => light(event.target, true));
        box.addEventListener("mouseout", (event) => light(event.target, false));
        box.addEventListener("focusin", (event) => light(event.target, true));
        box.addEventListener("focusout", (event) => light(event.target, false));
    });

    // Following a link into a folded tree unfolds the way to its node.
    const reveal = () => {
        const id = decodeURIComponent(location.hash.slice(1));
        const target = id && document.getElementById(id);
        for (let at = target && target.parentElement; at; at = at.parentElement) {
            if (at.tagName === "DETAILS") {
                at.open = true;
            }
        }
    };
    window.addEventListener("hashchange", reveal);
    reveal();

    document.querySelectorAll(".tools button").forEach((tool) => {
        tool.addEventListener("click", () => {
            const tree = tool.closest(".tree-box").querySelector(".tree");
            const open = tool.dataset.do === "open";
            tree.querySelectorAll("details").forEach((d) => {
                d.open = open;
            });
        });
    });

    document.querySelectorAll("button.copy").forEach((copy) => {
        copy.addEventListener("click", async () => {
            const text = copy.parentElement.querySelector("pre").textContent;
            try {
                await navigator.clipboard.writeText(text);
                copy.textContent = "Copied";
            } catch {
                copy.textContent = "Select and copy by hand";
            }
        });
    });

    // Where the reader is, in the table of contents.
    const links = new Map(
        [...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]),
    );
    const seen = new Set();
    const watcher = new IntersectionObserver(
        (entries) => {
            entries.forEach((entry) => {
                seen[entry.isIntersecting ? "add" : "delete"](entry.target.id);
            });
            let first = null;
            links.forEach((link, id) => {
                link.removeAttribute("aria-current");
                first = first || (seen.has(id) ? link : null);
            });
            if (first) {
                first.setAttribute("aria-current", "true");
            }
        },
        { rootMargin: "-10% 0px -60% 0px" },
    );
    document.querySelectorAll("main > section").forEach((section) => watcher.observe(section));

    // Paper has no folds.
    let folded = [];
    window.addEventListener("beforeprint", () => {
        folded = [...document.querySelectorAll("details:not([open])")];
        folded.forEach((d) => {
            d.open = true;
        });
    });
    window.addEventListener("afterprint", () => {
        folded.forEach((d) => {
            d.open = false;
        });
    });
})();
