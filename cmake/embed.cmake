# cmake -DOUT=x.c -DHEADER=room/x.h "-DNAMES=a|b" "-DFILES=path/a|path/b" -P embed.cmake
# Writes a C file with each file's bytes as `const unsigned char NAME[]`, a zero behind them, and their
# number as `const size_t NAME_n`.
string(REPLACE "|" ";" names "${NAMES}")
string(REPLACE "|" ";" files "${FILES}")
set(text "/* Made by cmake/embed.cmake from the asset files; not edited. */\n#include \"${HEADER}\"\n")
foreach(name file IN ZIP_LISTS names files)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND text "\nconst unsigned char ${name}[] = {${bytes}0};\n")
    string(APPEND text "const size_t ${name}_n = sizeof ${name} - 1;\n")
endforeach()
file(WRITE ${OUT} "${text}")
