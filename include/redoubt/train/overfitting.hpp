#pragma once

#include <algorithm>
#include <redoubt/core/error.hpp>

namespace redoubt {

/// What adversarial training can suffer from, noticed on held-out data.
enum class overfitting {
  none,          ///< no sign of either
  robust,        ///< held-out robust accuracy falls while the training loss does too (Rice et al. 2020)
  catastrophic,  ///< one-step attacks are defeated and stronger ones are not (Wong et al. 2020)
};

/// The name as people say it.
[[nodiscard]] constexpr const char* name_of(overfitting finding) {
  switch (finding) {
    case overfitting::robust:
      return "robust overfitting";
    case overfitting::catastrophic:
      return "catastrophic overfitting";
    case overfitting::none:
      break;
  }
  return "none";
}

/// Accuracies in [0, 1] on held-out data at one moment of training, beside the training loss.
struct held_out_accuracy {
  double clean = 0;          ///< as they are
  double fgsm = 0;           ///< under one step of the training ball's radius
  double pgd = 0;            ///< under PGD-10 in the same ball
  double training_loss = 0;  ///< mean over the epoch that ends here
};

/// When `overfitting_watch` speaks: differences of accuracies, in [0, 1].
struct overfitting_options {
  double gap = 0.1;   ///< catastrophic: FGSM accuracy above PGD accuracy by more than this, and
  double fall = 0.1;  ///< ... PGD accuracy below its best by more than this, or the gap at twice its size
  double decline =
      0.02;          ///< robust: PGD accuracy below its best by more than this while the training loss is at its lowest
  int patience = 2;  ///< ... at so many looks in a row; >= 1
};

/// Names robust and catastrophic overfitting as held-out accuracies come in, one look an epoch.
///
/// A model that never was robust shows a gap as well; what marks the catastrophe is that the gap opens: PGD accuracy
/// falls from its best, or the gap is too wide for any model that learns from its attack.
/// Sources: Wong et al. 2020 (arXiv:2001.03994, section 4.2); Andriushchenko & Flammarion 2020 (arXiv:2007.02617);
/// Rice et al. 2020 (arXiv:2002.11569).
class overfitting_watch {
 public:
  /// Throws std::invalid_argument for a patience below 1.
  explicit overfitting_watch(overfitting_options options = {}) : options_{options} {
    require(options.patience >= 1, "overfitting_watch: patience must be at least 1, got ", options.patience);
  }

  /// What this look shows. The best is kept over all looks.
  overfitting look(const held_out_accuracy& now) {
    const double gap = now.fgsm - now.pgd;
    const bool fell = best_pgd_ - now.pgd > options_.fall;
    const bool lowest_loss = looks_ == 0 || now.training_loss <= lowest_loss_;
    declines_ = best_pgd_ - now.pgd > options_.decline && lowest_loss ? declines_ + 1 : 0;
    is_best_ = looks_ == 0 || now.pgd > best_pgd_;
    best_pgd_ = std::max(best_pgd_, now.pgd);
    lowest_loss_ = lowest_loss ? now.training_loss : lowest_loss_;
    ++looks_;
    if (gap > 2 * options_.gap || (gap > options_.gap && fell)) {
      return overfitting::catastrophic;
    }
    return declines_ >= options_.patience ? overfitting::robust : overfitting::none;
  }

  /// Whether the last look had the highest PGD accuracy of all.
  [[nodiscard]] bool is_best() const { return is_best_; }
  /// The highest PGD accuracy of all looks; 0 before the first.
  [[nodiscard]] double best_pgd() const { return best_pgd_; }

 private:
  overfitting_options options_;
  int looks_ = 0;
  int declines_ = 0;
  bool is_best_ = false;
  double best_pgd_ = 0;
  double lowest_loss_ = 0;
};

}  // namespace redoubt
