# Every version, address and hash of what the build may fetch, and nothing else.
#
# Hashes are SHA-256 of what the address delivers. A new version means a new line here and nowhere else.

set(redoubt_minimum_torch 2.9)

# LibTorch is the `torch` wheel: the one build of it that is complete, pinned and reachable wherever pip is.
# libtorch_cpu.so of that wheel needs two CUDA libraries by name, on machines without a GPU too; hence the other two.
# A requirement lists the hash for x86_64 and the hash for aarch64; pip takes whichever matches the platform.
set(redoubt_torch_version 2.11.0)
set(redoubt_torch_requirements
    "torch==2.11.0 \
--hash=sha256:7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a \
--hash=sha256:d91aac77f24082809d2c5a93f52a5f085032740a1ebc9252a7b052ef5a4fddc6"
    "nvidia-cuda-cupti==13.0.85 \
--hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8 \
--hash=sha256:796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151"
    "nvidia-cuda-runtime==13.0.96 \
--hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548 \
--hash=sha256:ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55")
set(redoubt_torch_megabytes 2000) # the wheels and what they unpack to, side by side for a moment

# What the tests compile the CUDA kernels with, on any machine: NVRTC, its headers and CCCL, of the toolkit that the wheel
# of LibTorch was built with.
set(redoubt_nvrtc_version 13.0.88)
set(redoubt_nvrtc_requirements
    "nvidia-cuda-nvrtc==13.0.88 \
--hash=sha256:ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575 \
--hash=sha256:d27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b"
    "nvidia-cuda-cccl==13.0.85 \
--hash=sha256:e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649 \
--hash=sha256:6f0203e29fed809ee2b7fe9b1344df66ecab990c37d6a2e0e189b26d6c97ed7c"
    "nvidia-cuda-runtime==13.0.96 \
--hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548 \
--hash=sha256:ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55")
set(redoubt_nvrtc_megabytes 500)

set(redoubt_doctest_version 2.4.9)
set(redoubt_doctest_packages doctest-dev)
set(redoubt_doctest_url https://github.com/doctest/doctest/archive/refs/tags/v2.4.9.tar.gz)
set(redoubt_doctest_sha256 19b2df757f2f3703a5e63cee553d85596875f06d91a3333acd80a969ef210856)

set(redoubt_benchmark_version 1.7.1)
set(redoubt_benchmark_packages libbenchmark-dev libbenchmark1debian)
set(redoubt_benchmark_url https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz)
set(redoubt_benchmark_sha256 6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7)

set(redoubt_cli11_version 2.1.2)
set(redoubt_cli11_packages libcli11-dev)
set(redoubt_cli11_url https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.1.2.tar.gz)
set(redoubt_cli11_sha256 26291377e892ba0e5b4972cdfd4a2ab3bf53af8dac1f4ea8fe0d1376b625c8cb)

set(redoubt_json_version 3.11.2)
set(redoubt_json_packages nlohmann-json3-dev)
set(redoubt_json_url https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz)
set(redoubt_json_sha256 d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273)

# The distribution's is a shared library built with OpenSSL and Brotli, which must be there to link it; the release is one
# header, of which this build asks for neither. (0.14.3: of 0.11.4 no hash is on record.)
set(redoubt_httplib_version 0.11.4)
set(redoubt_httplib_packages libcpp-httplib-dev libcpp-httplib0.11 libssl-dev libssl3 libbrotli1)
set(redoubt_httplib_url https://github.com/yhirose/cpp-httplib/archive/v0.14.3.tar.gz)
set(redoubt_httplib_sha256 dcf6486d9030937636d8a4f820ca9531808fd7edb283893dddbaa05f99357e63)

set(redoubt_prometheus_version 1.0.1)
set(redoubt_prometheus_packages prometheus-cpp-dev libprometheus-cpp-core1.0)
set(redoubt_prometheus_url https://github.com/jupp0r/prometheus-cpp/archive/v1.0.1.tar.gz)
set(redoubt_prometheus_sha256 593e028d401d3298eada804d252bc38d8cab3ea1c9e88bcd72095281f85e6d16)

set(redoubt_zlib_version 1.2.13)
set(redoubt_zlib_packages zlib1g-dev)
set(redoubt_zlib_url https://github.com/madler/zlib/releases/download/v1.2.13/zlib-1.2.13.tar.gz)
set(redoubt_zlib_sha256 b3a24de97a8fdbc835b9833169501030b8977031bcb54b3b3ac13740f846ab30)

# The distribution compresses the four files anew, so its copies differ from these in their bytes, not in what they hold.
set(redoubt_fashion_mnist_version 1)
set(redoubt_fashion_mnist_packages dataset-fashion-mnist)
set(redoubt_fashion_mnist_base http://fashion-mnist.s3-website.eu-central-1.amazonaws.com)
set(redoubt_fashion_mnist_url
    ${redoubt_fashion_mnist_base}/train-images-idx3-ubyte.gz
    ${redoubt_fashion_mnist_base}/train-labels-idx1-ubyte.gz
    ${redoubt_fashion_mnist_base}/t10k-images-idx3-ubyte.gz
    ${redoubt_fashion_mnist_base}/t10k-labels-idx1-ubyte.gz)
set(redoubt_fashion_mnist_sha256
    3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
    a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
    346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
    67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5)
