import os

from conan import ConanFile


class LibtorchStandIn(ConanFile):
    """Conan Center's libtorch, as far as its consumers' CMake files see it: the LibTorch that TORCH_OF_STAND_IN names."""
    name = "libtorch"
    version = "2.9.1"
    settings = "os", "compiler", "build_type", "arch"

    def package_info(self):
        root = os.environ["TORCH_OF_STAND_IN"]
        self.cpp_info.set_property("cmake_file_name", "Torch")
        self.cpp_info.components["torch"].includedirs = [os.path.join(root, "include/torch/csrc/api/include"),
                                                         os.path.join(root, "include")]
        self.cpp_info.components["torch"].libdirs = [os.path.join(root, "lib")]
        self.cpp_info.components["torch"].libs = ["torch_cpu", "c10"]
        self.cpp_info.components["torch"].exelinkflags = ["-Wl,--allow-shlib-undefined"]
