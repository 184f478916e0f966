# cmake --install: the program, and below share/brainmt what it reads and what people read. The program finds its
# configurations beside itself (src/config/resolve.cpp), so the prefix may be moved.
set_target_properties(brainmt PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)   # libraries of modules and Spack are found again
install(TARGETS brainmt RUNTIME DESTINATION bin)
install(DIRECTORY configs docs DESTINATION share/brainmt)
install(DIRECTORY scripts/slurm DESTINATION share/brainmt/scripts USE_SOURCE_PERMISSIONS)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION share/brainmt)
