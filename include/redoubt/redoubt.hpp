#pragma once

// All of redoubt that a host compiler can read. Including one header of an area costs less: see each area's folder.

#include <redoubt/attack/any_attack.hpp>
#include <redoubt/attack/carlini_wagner.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/fmn.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/worst_case.hpp>
#include <redoubt/core/version.hpp>
#include <redoubt/drift/adwin.hpp>
#include <redoubt/drift/calibration.hpp>
#include <redoubt/drift/cusum.hpp>
#include <redoubt/drift/ddm.hpp>
#include <redoubt/drift/detector.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/drift/eddm.hpp>
#include <redoubt/drift/hddm_a.hpp>
#include <redoubt/drift/hddm_w.hpp>
#include <redoubt/drift/ks_test.hpp>
#include <redoubt/drift/page_hinkley.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/model/module.hpp>
#include <redoubt/model/normalised.hpp>
#include <redoubt/model/script.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <redoubt/train/augment.hpp>
#include <redoubt/watch/gate.hpp>
#include <redoubt/watch/self_attack.hpp>
