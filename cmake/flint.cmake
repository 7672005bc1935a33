# FLINT 2, Arb, Antic and Calcium: Debian's packages bring no pkg-config files.
add_library(tj_flint INTERFACE)
foreach(library calcium antic flint-arb flint mpfr gmp) # a library before those it needs
    find_library(TJ_LIB_${library} NAMES ${library} REQUIRED)
    target_link_libraries(tj_flint INTERFACE ${TJ_LIB_${library}})
endforeach()
