# Spack recipe of BrainMT-HPC, for the checkout that it lies in: see packaging/README.md.
from spack.package import *

try:
    # Spack 1.x keeps build systems with the recipes; before, they came with spack.package.
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:
    pass


class Brainmt(CMakePackage):
    """MPI-parallel training of BrainMT, the long-context model of 4-D resting-state fMRI, on CPUs."""

    version("0.1.0")

    variant("tests", default=False, description="Build the tests")
    variant("isal", default=True, description="ISA-L for compressed scans and checksums, three times as fast as zlib")
    variant("libzip", default=True, description="Read UK Biobank's zip archives in place")
    variant("xgboost", default=True, description="The baseline xgboost")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("ninja", type="build")
    depends_on("git", type="build")

    depends_on("mpi")
    depends_on("hdf5@1.10: +mpi")
    depends_on("kokkos@3.4:5 +serial")
    depends_on("onednn@2.6:3")
    depends_on("yaml-cpp")
    depends_on("nlohmann-json")
    depends_on("cli11")
    depends_on("spdlog")
    depends_on("fmt@9:11")
    depends_on("blas")
    depends_on("lapack")
    depends_on("libpng")
    depends_on("eigen@3.4")
    depends_on("zlib-api")
    depends_on("openssl")
    depends_on("isa-l", when="+isal")
    depends_on("libzip", when="+libzip")
    depends_on("xgboost@1.7:", when="+xgboost")
    depends_on("googletest", when="+tests")

    conflicts("%gcc@:11", msg="BrainMT needs a C++20 compiler: GCC 12 or newer")

    generator("ninja")

    def cmake_args(self):
        return [
            self.define_from_variant("BRAINMT_BUILD_TESTS", "tests"),
            self.define_from_variant("BRAINMT_WITH_LIBZIP", "libzip"),
            self.define("BRAINMT_WITH_XGBOOST", "ON" if self.spec.satisfies("+xgboost") else "OFF"),
            self.define("BRAINMT_ARCH", ""),  # the compiler wrapper knows the target
            self.define("BRAINMT_FETCH_KOKKOS", False),
            self.define("BRAINMT_ENABLE_VENDOR_CUDA", "OFF"),
        ]

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_install(self):
        Executable(self.prefix.bin.brainmt)("--version")
