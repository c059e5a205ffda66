#include "command.hpp"
#include "shell.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "../drift/golden.hpp"
#include "temporary_folder.hpp"

using nlohmann::json;

namespace {

struct run_result {
  int exit_code = 0;
  std::string out;
  std::string err;

  [[nodiscard]] json report() const { return json::parse(out); }
};

/// `redoubt detect` with these arguments, as from a shell.
run_result detect(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"redoubt", "detect"});
  std::vector<const char*> words;
  words.reserve(arguments.size());
  for (const std::string& each : arguments) {
    words.push_back(each.c_str());
  }
  std::ostringstream out;
  std::ostringstream err;
  const int code = redoubt::program::run_shell({redoubt::program::make_detect}, static_cast<int>(words.size()),
                                               words.data(), out, err);
  return {code, out.str(), err.str()};
}

/// A file with this content that lives as long as this does.
struct csv_file {
  temporary_folder folder;
  std::filesystem::path path = folder / "losses.csv";

  explicit csv_file(const std::string& content) { std::ofstream{path} << content; }
};

/// What ddm makes of a file with this content.
run_result ddm_over(const std::string& content) {
  const csv_file file{content};
  return detect({"--detector", "ddm", "--input", file.path.string()});
}

std::string stream_path(const std::string& name) {
  return std::string{REDOUBT_TEST_DATA} + "/drift/streams/" + name + ".csv";
}

const std::map<std::string, std::string> our_names{{"ADWIN", "adwin"},  {"DDM", "ddm"},
                                                   {"EDDM", "eddm"},    {"PageHinkley", "page_hinkley"},
                                                   {"HDDMA", "hddm_a"}, {"HDDMW", "hddm_w"}};

/// The one line a failed run writes to standard error.
void check_refusal(const run_result& run, int exit_code, const std::string& says) {
  CHECK(run.exit_code == exit_code);
  CHECK(run.out.empty());
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  CHECK_MESSAGE(run.err.find(says) != std::string::npos, run.err);
}

}  // namespace

TEST_CASE("detect finds what river finds, with river's names and values") {
  std::size_t checked = 0;
  for (const auto& row : golden::rows("expect_river.csv")) {
    CAPTURE(row[0]);
    CAPTURE(row[1]);
    CAPTURE(row[2]);
    std::vector<std::string> arguments{"--json", "--detector", our_names.at(row[1]), "--input", stream_path(row[0])};
    if (row[2] != "default") {
      for (std::string setting : golden::split(row[2], ';')) {
        const std::string rivers = "lambda_val=";
        if (setting.rfind(rivers, 0) == 0) {
          setting = "lambda=" + setting.substr(rivers.size());
        }
        arguments.insert(arguments.end(), {"--set", setting});
      }
    }
    const run_result run = detect(arguments);
    REQUIRE(run.exit_code == 0);
    const json report = run.report();
    CHECK(report.at("n") == 2500);
    CHECK(report.at("drift") == golden::indices(row[3]));
    CHECK(report.at("warning") == golden::indices(row[4]));
    ++checked;
  }
  CHECK(checked == 108);
}

TEST_CASE("detect --json says which detector ran with which options") {
  const json report = detect({"--json", "--detector", "adwin", "--set", "on_alarm=keep_tail", "clock=1", "--input",
                              stream_path("bits_null")})
                          .report();
  CHECK(report.at("schema") == 1);
  CHECK(report.at("detector") == "adwin");
  CHECK(report.at("options").at("on_alarm") == "keep_tail");
  CHECK(report.at("options").at("clock") == 1);
  CHECK(report.at("options").at("delta") == 0.002);
  CHECK(report.at("drift").empty());
  CHECK(report.contains("version"));
  CHECK_FALSE(report.contains("statistic"));
}

TEST_CASE("detect --trace adds the statistic after every value") {
  const json report = detect({"--json", "--trace", "--detector", "e_sr", "--set", "healthy=0.12",
                              "lambdas=0.25,0.5,1,2,4", "run_length=1000", "--input", stream_path("bits_up")})
                          .report();
  CHECK(report.at("statistic").size() == 2500);
  CHECK(report.at("statistic").at(99).get<double>() == doctest::Approx(20.9148552822).epsilon(1e-9));
  CHECK(report.at("drift").at(0) == 1271);
}

TEST_CASE("detect writes prose for a reader, runs of indices drawn together") {
  const run_result run = detect({"--detector", "ddm", "--set", "warm_start=50", "warning_threshold=2.5",
                                 "drift_threshold=3.5", "--input", stream_path("bits_zeros")});
  CHECK(run.exit_code == 0);
  CHECK(run.out ==
        "ddm (drift_threshold 3.5, floor false, warm_start 50, warning_threshold 2.5) read 2500 values\n"
        "drift at    150\n"
        "warning at  243-251, 283, 285-2499\n");
  CHECK(detect({"--detector", "cusum", "--input", stream_path("bits_null")}).out.find("drift at    none") !=
        std::string::npos);
}

TEST_CASE("detect --list documents every detector, or the one named") {
  const run_result all = detect({"--list"});
  CHECK(all.exit_code == 0);
  for (const char* expected : {"page_hinkley\n", "1 is an error", "lambda ", "healthy             required", "0.9999",
                               "on_alarm            restart"}) {
    CHECK_MESSAGE(all.out.find(expected) != std::string::npos, expected);
  }
  const json one = detect({"--list", "--json", "--detector", "hddm_w"}).report().at("detectors");
  CHECK(one.size() == 1);
  CHECK(one[0].at("parameters").at(2) ==
        json{{"name", "lambda"}, {"default", 0.05}, {"meaning", "weight of the newest value; in (0, 1)"}});
}

TEST_CASE("detect reads standard input for -") {
  const std::istringstream numbers{"0\n1\n0\n"};
  std::streambuf* const before = std::cin.rdbuf(numbers.rdbuf());
  const run_result run = detect({"--json", "--detector", "ddm", "--input", "-"});
  std::cin.rdbuf(before);
  CHECK(run.report().at("n") == 3);
}

TEST_CASE("detect takes spaces, signs, carriage returns and a last line without its end") {
  const csv_file file{" 1.5\r\n+2\t\n-3e-1"};
  const run_result run = detect({"--json", "--detector", "cusum", "--input", file.path.string()});
  CHECK(run.exit_code == 0);
  CHECK(run.report().at("n") == 3);
}

TEST_CASE("detect names the line that holds no number") {
  check_refusal(ddm_over("error\n0\n1\n"), 1,
                "line 1: 'error' is not one number (a header? the file must hold nothing but numbers)");
  check_refusal(ddm_over("0\n1\n\n0\n"), 1, "line 3: blank, but every line must hold one number");
  check_refusal(ddm_over("0\n1\n\n"), 1, "line 3: blank");
  check_refusal(ddm_over("0\nnan\n"), 1, "line 2: 'nan' is not a finite number");
  check_refusal(ddm_over("0\n-inf\n"), 1, "line 2: '-inf' is not a finite number");
  check_refusal(ddm_over("0\n1,0\n"), 1, "line 2: '1,0' is not one number");
  check_refusal(ddm_over("0\n1e999\n"), 1, "line 2: '1e999' is beyond the range of a double");
  check_refusal(ddm_over("0\n" + std::string(100, 'x') + "\n"), 1, "line 2: '" + std::string(40, 'x') + "...'");
  check_refusal(ddm_over(std::string("0\n1\a\0\n", 6)), 1, "line 2: '1?\?' is not one number");
}

TEST_CASE("detect names the line whose number the detector cannot read") {
  check_refusal(ddm_over("0\n1\n0.5\n"), 1, "line 3: ddm: a value must be 0 (right) or 1 (an error), got 0.5");
}

TEST_CASE("detect refuses a file that is empty, missing or a directory") {
  check_refusal(ddm_over(""), 1, "is empty: there is no value to look at");
  check_refusal(detect({"--detector", "ddm", "--input", "/nonexistent/stream.csv"}), 1,
                "cannot open /nonexistent/stream.csv: No such file or directory");
  check_refusal(detect({"--detector", "ddm", "--input", "/"}), 1, "/ is a directory");
}

TEST_CASE("detect tells wrong usage from a failure") {
  const std::string input = stream_path("bits_up");
  check_refusal(detect({"--detector", "admin", "--input", input}), 2, "did you mean adwin?");
  check_refusal(detect({"--input", input}), 2, "--detector NAME is missing");
  check_refusal(detect({"--detector", "ddm"}), 2, "--input FILE is missing");
  check_refusal(detect({"--detector", "ddm", "--set", "delta=1", "--input", input}), 2, "no parameter of ddm 'delta'");
  check_refusal(detect({"--detector", "ddm", "--set", "warm_start", "--input", input}), 2,
                "--set takes key=value, got 'warm_start'");
  check_refusal(detect({"--detector", "ddm", "--set", "warm_start=1", "warm_start=2", "--input", input}), 2,
                "--set gives warm_start twice");
  check_refusal(detect({"--detector", "e_sr", "--input", input}), 2, "e_sr: healthy");
  const run_result as_json = detect({"--json", "--detector", "nope", "--input", input});
  CHECK(as_json.exit_code == 2);
  CHECK(as_json.report().at("error").at("code") == "usage");
}
