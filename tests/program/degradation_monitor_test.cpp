#include "degradation_monitor.hpp"

#include "files.hpp"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "temporary_folder.hpp"
#include "watched_net.hpp"

using namespace redoubt::program;
using nlohmann::json;

namespace {

constexpr double hour = 3600;

// A monitor of the brightness net, and the events that it reports.
struct watched {
  std::filesystem::path file;
  std::unique_ptr<served_model> model;
  std::vector<cloud_event> events;  // read after settle() only
  std::unique_ptr<degradation_monitor> monitor;
  std::int64_t next = 0;

  explicit watched(const temporary_folder& folder, monitor_options options = {}) : file{folder / "model.pt"} {
    if (!std::filesystem::exists(file)) {
      write_brightness_net(file);
    }
    model = std::make_unique<served_model>(file, std::vector<std::int64_t>{1, 4, 4});
    monitor = std::make_unique<degradation_monitor>(*model, bright_and_dark(900, 1), std::move(options),
                                                    [this](const cloud_event& event) { events.push_back(event); });
  }

  // Requests with labels, one by one, as replicas see them: under ids that begin with `prefix`.
  monitor_figures send(const samples& some, const std::string& prefix, bool with_labels = true) {
    for (std::int64_t i = 0; i < some.count(); ++i) {
      const std::string id = prefix + std::to_string(next++);
      REQUIRE(monitor->see_request(id, some.images.narrow(0, i, 1), true));
      if (with_labels) {
        REQUIRE(monitor->see_labels(id, {some.labels[i].item<std::int64_t>()}));
      }
      if (i % 500 == 499) {
        monitor->settle();
      }
    }
    monitor->settle();
    return monitor->figures();
  }

  [[nodiscard]] std::vector<std::string> types() const {
    std::vector<std::string> names;
    for (const cloud_event& event : events) {
      names.push_back(event.type);
    }
    return names;
  }
};

constexpr const char* detected = "io.redoubt.degradation.detected";
constexpr const char* suspected = "io.redoubt.degradation.suspected";

}  // namespace

TEST_CASE("monitor: a healthy stream raises nothing, an attack is detected once and told apart from a shift") {
  const temporary_folder folder;
  watched it{folder};
  const monitor_figures healthy = it.send(bright_and_dark(1500, 2), "clean");
  CHECK(it.events.empty());
  CHECK(healthy.ready);
  CHECK(healthy.requests == 1500);
  CHECK(healthy.labels.at("matched") == 1500);
  CHECK(healthy.error_limit > 0.05);
  CHECK(*healthy.error_rate == doctest::Approx(0.05).epsilon(0.5));

  const monitor_figures after = it.send(attacked(bright_and_dark(300, 3)), "attack");
  CHECK(it.types() == std::vector<std::string>{suspected, detected});
  const json data = json::parse(it.events.back().data);
  CHECK(data["cause"] == "attack");
  CHECK(data["evidence"]["labelled"]["statistic"].get<double>() >= 1e6);
  CHECK(data["evidence"]["label_free"]["alarms"].get<int>() >= 1);
  CHECK(data["model_digest"] == it.model->current()->digest);
  CHECK(it.events.back().id == "model-" + it.model->current()->digest + "-detected-1");
  CHECK(after.retraining_in_flight);
  CHECK(after.reported == 1);
  CHECK(*after.error_rate > 0.5);
}

TEST_CASE("monitor: one that yields gives up learning when it stops, one that does not finishes what it was given") {
  const temporary_folder folder;
  { watched it{folder, {.state = folder / "", .yields = true}}; }
  CHECK_FALSE(std::filesystem::exists(folder / "state.json"));
  { watched it{folder, {.state = folder / "", .yields = false}}; }
  CHECK(std::filesystem::exists(folder / "state.json"));
}

TEST_CASE("monitor: labels may come early, late, twice or never, events twice; each counts once") {
  const temporary_folder folder;
  watched it{folder, {.most_predictions = 50}};
  const samples some = bright_and_dark(100, 4);
  const auto image = [&](std::int64_t i) { return some.images.narrow(0, i, 1); };
  REQUIRE(it.monitor->see_labels("early", {0}));
  REQUIRE(it.monitor->see_labels("early", {0}));
  REQUIRE(it.monitor->see_request("early", image(0), true));
  REQUIRE(it.monitor->see_labels("early", {1}));
  REQUIRE(it.monitor->see_request("twice", image(1), true));
  REQUIRE(it.monitor->see_request("twice", image(1), true));
  REQUIRE(it.monitor->see_request("two samples", some.images.narrow(0, 2, 2), true));
  REQUIRE(it.monitor->see_labels("two samples", {0}));
  REQUIRE(it.monitor->see_request("", image(5), true));
  it.monitor->settle();
  monitor_figures now = it.monitor->figures();
  CHECK(now.requests == 4);
  CHECK(now.duplicates == 1);
  CHECK(now.labels.at("early") == 1);
  CHECK(now.labels.at("matched") == 1);
  CHECK(now.labels.at("duplicate") == 2);
  CHECK(now.labels.at("refused") == 1);
  CHECK(now.labelled.seen == 1);

  it.send(some, "filler",
          /*with_labels=*/false);  // "twice" is forgotten: its label is one whose request may still come
  REQUIRE(it.monitor->see_labels("twice", {0}));
  it.monitor->settle();
  now = it.monitor->figures();
  CHECK(now.labels.at("early") == 2);
  CHECK(now.labelled.seen == 1);
  CHECK_THROWS_WITH_AS(it.monitor->see_labels("", {1}), doctest::Contains("id"), std::invalid_argument);
  CHECK_THROWS_AS(it.monitor->see_labels("x", {}), std::invalid_argument);
  CHECK_THROWS_WITH_AS(it.monitor->see_request(std::string(300, 'x'), image(0), true), doctest::Contains("300"),
                       std::invalid_argument);
}

TEST_CASE("monitor: one retraining is in flight, and after it there is a pause") {
  const temporary_folder folder;
  watched it{folder, {.escalation = {.cool_down = hour, .retraining_timeout = hour}}};
  it.send(attacked(bright_and_dark(600, 5)), "a");
  CHECK(it.monitor->figures().labelled.alarms > 1);
  CHECK(it.monitor->figures().reported == 1);
  it.monitor->retraining_finished();
  const monitor_figures after = it.send(attacked(bright_and_dark(600, 6)), "b");
  CHECK_FALSE(after.retraining_in_flight);
  CHECK(after.reported == 1);
}

TEST_CASE("monitor: without a pause a degradation that goes on is reported again, as another event") {
  const temporary_folder folder;
  watched it{folder, {.escalation = {.cool_down = 0, .retraining_timeout = hour}}};
  it.send(attacked(bright_and_dark(200, 5)), "a");
  it.monitor->retraining_finished();
  const monitor_figures after = it.send(attacked(bright_and_dark(200, 6)), "b");
  CHECK(after.reported == 2);
  std::vector<std::string> ids;
  for (const cloud_event& event : it.events) {
    if (event.type == detected) {
      ids.push_back(event.id);
    }
  }
  const std::string digest = it.model->current()->digest;
  CHECK(ids == std::vector<std::string>{"model-" + digest + "-detected-1", "model-" + digest + "-detected-2"});
}

TEST_CASE("monitor: a restart goes on from what was kept, and what was told is never taken back") {
  const temporary_folder folder;
  const monitor_options options{.state = folder / "state", .escalation = {.retraining_timeout = hour}};
  std::filesystem::create_directory(options.state);
  monitor_figures before;
  {
    watched first{folder, options};
    before = first.send(attacked(bright_and_dark(100, 7)), "a");
    REQUIRE(before.reported == 1);
    REQUIRE(first.monitor->see_request("open", bright_and_dark(1, 8).images, true));
    first.monitor->settle();
  }
  watched second{folder, options};
  second.monitor->settle();
  const monitor_figures after = second.monitor->figures();
  CHECK(after.log_evidence == before.log_evidence);
  CHECK(after.incarnation == before.incarnation);
  CHECK(after.labelled.statistic == before.labelled.statistic);
  CHECK(after.retraining_in_flight);
  CHECK(after.reported == 1);
  REQUIRE(second.monitor->see_labels("open", {0}));
  REQUIRE(second.monitor->see_labels("a3", {0}));
  second.monitor->settle();
  CHECK(second.monitor->figures().labels.at("matched") == 1);
  CHECK(second.monitor->figures().labels.at("duplicate") == 1);
}

TEST_CASE("monitor: a state that is damaged is said to be, and nothing is lost of it") {
  const temporary_folder folder;
  std::filesystem::create_directory(folder / "state");
  write_whole(folder / "state" / "state.json", "{\"schema\": 1");
  watched it{folder, {.state = folder / "state"}};
  it.monitor->settle();
  CHECK_FALSE(it.monitor->figures().ready);
  CHECK(it.monitor->figures().trouble.find("state.json") != std::string::npos);
  CHECK(read_whole(folder / "state" / "state.json") == "{\"schema\": 1");
}

TEST_CASE("monitor: a model that takes over ends the retraining, and its sums begin anew") {
  const temporary_folder folder;
  watched it{folder, {.escalation = {.cool_down = 0, .retraining_timeout = hour}}};
  const monitor_figures before = it.send(attacked(bright_and_dark(100, 9)), "a");
  CHECK(before.retraining_in_flight);
  write_brightness_net(it.file, 0.501);
  REQUIRE_FALSE(it.model->reload());
  const monitor_figures after = it.send(bright_and_dark(50, 10), "b");
  CHECK_FALSE(after.retraining_in_flight);
  CHECK(after.model_version == 2);
  CHECK(after.model_digest != before.model_digest);
  CHECK(after.incarnation != before.incarnation);
  CHECK(after.labelled.seen == 50);
}

TEST_CASE("monitor: four replicas of which one restarts have the sums of one that saw all") {
  const std::uint64_t seed = 12;
  CAPTURE(seed);
  const samples stream = [&] {
    const samples clean = bright_and_dark(400, seed);
    const samples hit = attacked(bright_and_dark(40, seed + 1));
    return samples{at::cat({clean.images, hit.images}), at::cat({clean.labels, hit.labels})};
  }();
  const temporary_folder alone_folder;
  watched alone{alone_folder};
  const monitor_figures whole = alone.send(stream, "x");

  std::vector<std::unique_ptr<temporary_folder>> folders;
  std::vector<std::unique_ptr<watched>> replicas;
  const auto start = [&](std::size_t r) {
    return std::make_unique<watched>(*folders[r], monitor_options{.state = *folders[r] / "state"});
  };
  for (std::size_t r = 0; r < 4; ++r) {
    folders.push_back(std::make_unique<temporary_folder>());
    std::filesystem::create_directory(*folders[r] / "state");
    replicas.push_back(start(r));
  }
  for (std::int64_t i = 0; i < stream.count(); ++i) {
    const auto r = static_cast<std::size_t>(i * 7 % 4);
    if (i == 200) {
      replicas[2]->monitor->settle();
      replicas[2].reset();
      replicas[2] = start(2);
    }
    replicas[r]->next = i;
    replicas[r]->send({stream.images.narrow(0, i, 1), stream.labels.narrow(0, i, 1)}, "x");
  }
  for (std::size_t k = 0; k < whole.log_evidence.size(); ++k) {
    double sum = 0;
    for (const auto& replica : replicas) {
      sum += replica->monitor->figures().log_evidence[k];
    }
    CHECK(sum == doctest::Approx(whole.log_evidence[k]).epsilon(1e-12));
  }
}

TEST_CASE("monitor: what comes faster than it can be looked at is passed over and counted") {
  const temporary_folder folder;
  watched it{folder, {.most_waiting = 10}};
  const at::Tensor image = bright_and_dark(1, 1).images;
  std::int64_t passed_over = 0;
  for (int i = 0; i < 100; ++i) {  // while the detectors are learnt
    passed_over += it.monitor->see_request("r" + std::to_string(i), image, true) ? 0 : 1;
  }
  it.monitor->settle();
  CHECK(passed_over >= 80);
  CHECK(it.monitor->figures().skipped == passed_over);
  CHECK(it.monitor->figures().requests == 100 - passed_over);
}

TEST_CASE("monitor: requests that wait leave the labels their place") {
  const temporary_folder folder;
  watched it{folder, {.most_waiting = 10}};
  const at::Tensor image = bright_and_dark(1, 1).images;
  for (int i = 0; i < 100; ++i) {  // while the detectors are learnt
    static_cast<void>(it.monitor->see_request("r" + std::to_string(i), image, true));
  }
  CHECK(it.monitor->see_labels("r0", {0}));
  it.monitor->settle();
  CHECK(it.monitor->figures().labels.at("matched") == 1);
}

TEST_CASE("monitor: a reference that is too small or of another shape is refused") {
  const temporary_folder folder;
  write_brightness_net(folder / "model.pt");
  served_model model{folder / "model.pt", {1, 4, 4}};
  const auto make = [&](samples reference) {
    const degradation_monitor made{model, std::move(reference), {}, [](const cloud_event&) {}};
  };
  CHECK_THROWS_WITH_AS(make(bright_and_dark(299, 1)), doctest::Contains("299"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(make({at::zeros({300, 1, 5, 4}), at::zeros({300}, at::kLong)}), doctest::Contains("[300, 1, 5"),
                       std::invalid_argument);
}
