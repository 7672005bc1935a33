/* Few-shot examples, word for word as published, since a prompt that differs by a byte is another
 * measurement.
 *
 * The eight of GSM8K are those of Wei et al. 2022 (arXiv:2201.11903, appendix G), the four of MATH
 * those of Lewkowycz et al. 2022 (arXiv:2206.14858, appendix D), both as lm-evaluation-harness
 * 0.4.13 has them in lm_eval/tasks/gsm8k and lm_eval/tasks/minerva_math:
 *
 *   MIT License. Copyright (c) 2020 EleutherAI
 *
 *   Permission is hereby granted, free of charge, to any person obtaining a copy of this
 *   software and associated documentation files (the "Software"), to deal in the Software
 *   without restriction, including without limitation the rights to use, copy, modify, merge,
 *   publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons
 *   to whom the Software is furnished to do so, subject to the following conditions:
 *
 *   The above copyright notice and this permission notice shall be included in all copies or
 *   substantial portions of the Software.
 *
 *   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
 *   INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
 *   PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
 *   FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
 *   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
 *   DEALINGS IN THE SOFTWARE.
 *
 * The examples in lines are our own. */
#include "task/prompts.h"

const tj_shot tj_shots_gsm8k[8] = {
    {"There are 15 trees in the grove. Grove workers will plant trees in the grove today. "
     "After they are done, there will be 21 trees. How many trees did the grove workers "
     "plant today?",
     "There are 15 trees originally. Then there were 21 trees after some more were "
     "planted. So there must have been 21 - 15 = 6. ",
     "6"},
    {"If there are 3 cars in the parking lot and 2 more cars arrive, how many cars are in "
     "the parking lot?",
     "There are originally 3 cars. 2 more cars arrive. 3 + 2 = 5. ", "5"},
    {"Leah had 32 chocolates and her sister had 42. If they ate 35, how many pieces do "
     "they have left in total?",
     "Originally, Leah had 32 chocolates. Her sister had 42. So in total they had 32 + 42 "
     "= 74. After eating 35, they had 74 - 35 = 39. ",
     "39"},
    {"Jason had 20 lollipops. He gave Denny some lollipops. Now Jason has 12 lollipops. "
     "How many lollipops did Jason give to Denny?",
     "Jason started with 20 lollipops. Then he had 12 after giving some to Denny. So he "
     "gave Denny 20 - 12 = 8. ",
     "8"},
    {"Shawn has five toys. For Christmas, he got two toys each from his mom and dad. How "
     "many toys does he have now?",
     "Shawn started with 5 toys. If he got 2 toys each from his mom and dad, then that is "
     "4 more toys. 5 + 4 = 9. ",
     "9"},
    {"There were nine computers in the server room. Five more computers were installed "
     "each day, from monday to thursday. How many computers are now in the server room?",
     "There were originally 9 computers. For each of 4 days, 5 more computers were added. "
     "So 5 * 4 = 20 computers were added. 9 + 20 is 29. ",
     "29"},
    {"Michael had 58 golf balls. On tuesday, he lost 23 golf balls. On wednesday, he lost "
     "2 more. How many golf balls did he have at the end of wednesday?",
     "Michael started with 58 golf balls. After losing 23 on tuesday, he had 58 - 23 = "
     "35. After losing 2 more, he had 35 - 2 = 33 golf balls. ",
     "33"},
    {"Olivia has $23. She bought five bagels for $3 each. How much money does she have "
     "left?",
     "Olivia had 23 dollars. 5 bagels for 3 dollars each will be 5 x 3 = 15 dollars. So "
     "she has 23 - 15 dollars left. 23 - 15 is 8. ",
     "8"},
};

const tj_shot tj_shots_minerva[4] = {
    {"Find the domain of the expression  $\\frac{\\sqrt{x-2}}{\\sqrt{5-x}}$.",
     "The expressions inside each square root must be non-negative. Therefore, $x-2 \\ge "
     "0$, so $x\\ge2$, and $5 - x \\ge 0$, so $x \\le 5$. Also, the denominator cannot be "
     "equal to zero, so $5-x>0$, which gives $x<5$. Therefore, the domain of the "
     "expression is $\\boxed{[2,5)}$.\n"
     "Final Answer: The final answer is $[2,5)$. I hope it is correct.",
     NULL},
    {"If $\\det \\mathbf{A} = 2$ and $\\det \\mathbf{B} = 12,$ then find $\\det "
     "(\\mathbf{A} \\mathbf{B}).$",
     "We have that $\\det (\\mathbf{A} \\mathbf{B}) = (\\det \\mathbf{A})(\\det "
     "\\mathbf{B}) = (2)(12) = \\boxed{24}.$\n"
     "Final Answer: The final answer is $24$. I hope it is correct.",
     NULL},
    {"Terrell usually lifts two 20-pound weights 12 times. If he uses two 15-pound "
     "weights instead, how many times must Terrell lift them in order to lift the same "
     "total weight?",
     "If Terrell lifts two 20-pound weights 12 times, he lifts a total of $2\\cdot "
     "12\\cdot20=480$ pounds of weight.  If he lifts two 15-pound weights instead for $n$ "
     "times, he will lift a total of $2\\cdot15\\cdot n=30n$ pounds of weight.  Equating "
     "this to 480 pounds, we can solve for $n$:\n"
     "\\begin{align*}\n"
     "30n&=480\\\\\n"
     "\\Rightarrow\\qquad n&=480/30=\\boxed{16}\n"
     "\\end{align*}\n"
     "Final Answer: The final answer is $16$. I hope it is correct.",
     NULL},
    {"If the system of equations\n"
     "\n"
     "\\begin{align*}\n"
     "6x-4y&=a,\\\\\n"
     "6y-9x &=b.\n"
     "\\end{align*}has a solution $(x, y)$ where $x$ and $y$ are both nonzero,\n"
     "find $\\frac{a}{b},$ assuming $b$ is nonzero.",
     "If we multiply the first equation by $-\\frac{3}{2}$, we obtain\n"
     "\n"
     "$$6y-9x=-\\frac{3}{2}a.$$Since we also know that $6y-9x=b$, we have\n"
     "\n"
     "$$-\\frac{3}{2}a=b\\Rightarrow\\frac{a}{b}=\\boxed{-\\frac{2}{3}}.$$\n"
     "Final Answer: The final answer is $-\\frac{2}{3}$. I hope it is correct.",
     NULL},
};

const tj_shot tj_shots_lines[4] = {
    {"A shop sells pens at 3 dollars each and gives one pen free with every 4 that are "
     "bought. How many dollars do 15 pens cost?",
     "1. Who pays for 4 pens gets 5.\n"
     "2. 15 pens are 15 / 5 = 3 such groups.\n"
     "3. A group costs 4 * 3 = 12 dollars.\n"
     "4. Three groups cost 3 * 12 = 36 dollars.\n"
     "5. The answer is \\boxed{36}.",
     NULL},
    {"Find all real $x$ with $x^2 - 5x + 6 = 0.$",
     "1. The left side factors: $x^2 - 5x + 6 = (x - 2)(x - 3).$\n"
     "2. A product is zero where a factor is, so $x = 2$ or $x = 3.$\n"
     "3. The answer is \\boxed{2, 3}.",
     NULL},
    {"A fair coin is tossed three times. What is the probability of exactly two heads?",
     "1. There are $2^3 = 8$ equally likely outcomes.\n"
     "2. Exactly two heads: the tail is in one of 3 places, so 3 outcomes.\n"
     "3. The answer is \\boxed{\\frac{3}{8}}.",
     NULL},
    {"What is the area of a triangle with sides 5, 5 and 6?",
     "1. The height on the side 6 meets its middle, at distance 3 from both ends.\n"
     "2. So the height is $\\sqrt{5^2 - 3^2} = 4.$\n"
     "3. The area is $\\frac{1}{2} \\cdot 6 \\cdot 4 = 12.$\n"
     "4. The answer is \\boxed{12}.",
     NULL},
};
