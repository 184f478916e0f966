# Finds every library that BrainMT uses; a requested and missing one is an error that says what to install.
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)   # SHA-256; parallel HDF5 needs it anyway

find_package(yaml-cpp CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
include(BrainmtOneDnn)   # target brainmt::onednn
include(BrainmtKokkos)   # target brainmt::kokkos
include(BrainmtHdf5)     # target brainmt::hdf5
