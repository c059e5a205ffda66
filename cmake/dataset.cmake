# REDOUBT_DATASET: the folder with the four .gz files of Fashion-MNIST, on which the program's loop and slow tests run.

function(redoubt_provide_dataset)
  if(REDOUBT_DATASET)
    if(NOT EXISTS "${REDOUBT_DATASET}/train-images-idx3-ubyte.gz")
      message(FATAL_ERROR "redoubt: REDOUBT_DATASET names ${REDOUBT_DATASET}, which holds no train-images-idx3-ubyte.gz.\n"
                          "Name the folder of Fashion-MNIST's four .gz files, or leave it unset to have them fetched.")
    endif()
    set(folder "${REDOUBT_DATASET}")
  else()
    find_path(folder train-images-idx3-ubyte.gz PATHS /usr/share/datasets/fashion-mnist NO_DEFAULT_PATH NO_CACHE)
    if(NOT folder)
      redoubt_cached(cached "fashion_mnist-${redoubt_fashion_mnist_version}" 100
        "See to the network, or put Fashion-MNIST's four .gz files into a folder: export REDOUBT_DATASET=<that folder>."
        redoubt_fetch_package_or_url fashion_mnist)
      find_path(folder train-images-idx3-ubyte.gz NO_CACHE NO_DEFAULT_PATH REQUIRED
                PATHS "${cached}/usr/share/datasets/fashion-mnist" "${cached}")
    endif()
  endif()
  set(redoubt_dataset "${folder}" PARENT_SCOPE)
endfunction()

redoubt_provide_dataset()
