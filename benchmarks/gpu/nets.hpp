#pragma once

// The networks that attacks are timed on, untrained: images of 3 x 32 x 32, ten classes.

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

namespace nets {

inline torch::nn::Conv2d conv(int from, int to, int size, int stride = 1) {
  return torch::nn::Conv2d{torch::nn::Conv2dOptions(from, to, size).stride(stride).padding(size / 2).bias(false)};
}

/// What all have in common: a body, the mean over the plane, a linear layer.
class net : public torch::nn::Module {
 public:
  net(torch::nn::Sequential body, int width) : body_{register_module("body", body)} {
    head_ = register_module("head", torch::nn::Linear{width, 10});
  }

  at::Tensor forward(const at::Tensor& x) { return head_(body_->forward(x).mean({2, 3})); }

 private:
  torch::nn::Sequential body_;
  torch::nn::Linear head_{nullptr};
};

/// Batch normalisation, then a ReLU.
class NormReluImpl : public torch::nn::Module {
 public:
  explicit NormReluImpl(int width) : norm_{register_module("norm", torch::nn::BatchNorm2d{width})} {}
  at::Tensor forward(const at::Tensor& x) { return norm_(x).relu_(); }

 private:
  torch::nn::BatchNorm2d norm_;
};
TORCH_MODULE(NormRelu);

/// Two convolutions with a way round them. He et al. 2016 (arXiv:1603.05027): normalised before, not after.
class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(int from, int to, int stride)
      : first_{register_module("first", NormRelu{from})},
        body_{
            register_module("body", torch::nn::Sequential{conv(from, to, 3, stride), NormRelu{to}, conv(to, to, 3)})} {
    if (from != to || stride != 1) {
      way_round_ = register_module("way_round", conv(from, to, 1, stride));
    }
  }

  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor in = first_(x);
    return body_->forward(in).add_(way_round_.is_empty() ? x : way_round_(in));
  }

 private:
  NormRelu first_;
  torch::nn::Sequential body_;
  torch::nn::Conv2d way_round_{nullptr};
};
TORCH_MODULE(Block);

inline std::shared_ptr<net> small_cnn() {
  torch::nn::Sequential body;
  int from = 3;
  for (const int to : {16, 32, 64}) {
    body->push_back(conv(from, to, 3, from == 3 ? 1 : 2));
    body->push_back(NormRelu{to});
    from = to;
  }
  return std::make_shared<net>(body, from);
}

/// Groups of `depth` blocks, each group but the first at half the resolution.
inline std::shared_ptr<net> residual(int stem, std::initializer_list<int> widths, int depth) {
  torch::nn::Sequential body{conv(3, stem, 3)};
  int from = stem;
  for (const int to : widths) {
    for (int block = 0; block < depth; ++block) {
      body->push_back(Block{from, to, block == 0 && to != *widths.begin() ? 2 : 1});
      from = to;
    }
  }
  body->push_back(NormRelu{from});
  return std::make_shared<net>(body, from);
}

inline std::shared_ptr<net> resnet_18() {
  return residual(64, {64, 128, 256, 512}, 2);
}

/// Zagoruyko & Komodakis 2016 (arXiv:1605.07146).
inline std::shared_ptr<net> wide_resnet_28_10() {
  return residual(16, {160, 320, 640}, 4);
}

}  // namespace nets
