import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain
from conan.tools.files import copy, load
from conan.tools.scm import Version

required_conan_version = ">=2.4"


class Redoubt(ConanFile):
    name = "redoubt"
    description = "Adversarial attacks, robust accuracy, adversarial training and drift detection on LibTorch"
    license = "Apache-2.0"
    topics = ("adversarial-robustness", "libtorch", "drift-detection")
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"
    # system: a LibTorch that the consumer names or has; conan: Conan Center's, which is for the CPU and is built from source
    options = {"with_libtorch": ["system", "conan"]}
    default_options = {"with_libtorch": "system"}
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "include", "redoubt", "core", "version.hpp"))
        self.version = re.search(r'version = "([0-9.]+)"', text).group(1)

    def requirements(self):
        if self.options.with_libtorch == "conan":
            self.requires("libtorch/[>=2.9 <3]", transitive_headers=True, transitive_libs=True)

    def validate(self):
        check_min_cppstd(self, 20)
        minimum = {"gcc": "12", "clang": "14"}.get(str(self.settings.compiler))
        if minimum and Version(self.settings.compiler.version) < minimum:
            raise ConanInvalidConfiguration(f"redoubt needs {self.settings.compiler} >= {minimum}, "
                                            f"not {self.settings.compiler.version}")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for option in ("PROGRAM", "TESTS", "BENCHMARKS"):
            toolchain.cache_variables[f"REDOUBT_{option}"] = False
        if self.options.with_libtorch == "conan":
            toolchain.cache_variables["REDOUBT_TORCH_PACKAGE"] = "Torch"
        toolchain.generate()

    def package(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_id(self):
        # headers: the same for every compiler, and for every LibTorch
        self.info.settings.clear()
        self.info.requires.clear()

    def package_info(self):
        # find_package(redoubt) is to find the package's own config, which knows components and LibTorch, not one that Conan makes
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "redoubt")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
