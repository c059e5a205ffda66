#include "http_server.hpp"

#include "oip_document.hpp"

#include <charconv>
#include <optional>
#include <redoubt/core/error.hpp>
#include <regex>
#include <string>

namespace redoubt::program {
namespace {

constexpr const char* size_header = "Inference-Header-Content-Length";

std::optional<std::size_t> json_size_of(const httplib::Request& request) {
  if (!request.has_header(size_header)) {
    return {};
  }
  const std::string text = request.get_header_value(size_header);
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  require(error == std::errc{} && end == text.data() + text.size(), size_header, " must be a number of bytes, got ",
          text);
  return size;
}

// What comes most is known without a regular expression, which would take longer than all else that is done to route
// it.
bool is_inference(const httplib::Request& request) {
  constexpr std::string_view before = "/v2/models/";
  constexpr std::string_view after = "/infer";
  return request.method == "POST" && request.path.size() > before.size() + after.size() &&
         request.path.starts_with(before) && request.path.ends_with(after);
}

// A route of ours under another method than its own: 405, where the library would say 404 or 400.
bool refuse_other_method(const httplib::Request& request, httplib::Response& to) {
  if (is_inference(request)) {
    return false;
  }
  static const std::regex inference{R"(/v2/models/[^/]+(/versions/[^/]+)?/infer)"};
  static const std::regex others{
      R"(/metrics|/v2(/health/(live|ready)|/models(/[^/]+(/versions/[^/]+)?(/ready)?)?|/)?)"};
  const bool infers = std::regex_match(request.path, inference);
  if (!infers && !std::regex_match(request.path, others)) {
    return false;
  }
  const char* const own = infers ? "POST" : "GET";
  if (request.method == own || (!infers && request.method == "HEAD")) {
    return false;
  }
  to.set_header("Allow", own);
  answer(to, {{"error", shortened(request.path) + " takes " + own + ", not " + request.method}}, 405);
  return true;
}

std::string name_in(const httplib::Request& request) {
  return request.matches[1];
}

std::string version_in(const httplib::Request& request) {
  return request.matches.size() > 2 ? request.matches[2].str() : std::string{};
}

}  // namespace

http_server::http_server(inference_service& service, const http_options& options)
    : service_{service}, listener_{options} {
  routes().set_pre_routing_handler([](const httplib::Request& request, httplib::Response& to) {
    return refuse_other_method(request, to) ? httplib::Server::HandlerResponse::Handled
                                            : httplib::Server::HandlerResponse::Unhandled;
  });
  add_health();
  add_models();
  routes().Get("/metrics", [this](const httplib::Request&, httplib::Response& to) {
    to.set_content(service_.metrics_text(), metrics_type);
  });
}

void http_server::add_health() {
  routes().Get("/v2/?", guarded([](const auto&, auto& to) { answer(to, inference_service::server_metadata()); }));
  routes().Get("/v2/health/live", guarded([](const auto&, auto& to) { answer(to, {{"live", true}}); }));
  routes().Get("/v2/health/ready", guarded([this](const auto&, auto& to) {
                 const bool now = ready_;
                 answer(to, {{"ready", now}, {"live", true}}, now ? 200 : 503);
               }));
}

// Each of a model's routes with and without a version.
void http_server::add_models() {
  const std::string model = R"(/v2/models/([^/]+))";
  routes().Get("/v2/models", guarded([this](const auto&, auto& to) { answer(to, {{"models", {service_.name()}}}); }));
  for (const std::string& at : {model, model + R"(/versions/([^/]+))"}) {
    routes().Get(at, guarded([this](const auto& request, auto& to) {
                   answer(to, service_.model_metadata(name_in(request), version_in(request)));
                 }));
    routes().Get(at + "/ready", guarded([this](const auto& request, auto& to) {
                   service_.require_served(name_in(request), version_in(request));
                   const bool now = ready_;
                   answer(to, {{"name", name_in(request)}, {"ready", now}}, now ? 200 : 503);
                 }));
    routes().Post(at + "/infer", [this](const httplib::Request& request, httplib::Response& to,
                                        const httplib::ContentReader& read) {
      to.status = 200;
      guarded([&](const auto& asked, auto& answered) { infer(asked, body_of(asked, read), answered); })(request, to);
      service_.metrics().answered(to.status);
    });
  }
}

void http_server::infer(const httplib::Request& request, const std::string& body, httplib::Response& to) {
  const oip_body made = service_.infer(name_in(request), version_in(request), body, json_size_of(request));
  if (made.json_size) {
    to.set_header(size_header, std::to_string(*made.json_size));
  }
  to.set_content(made.bytes, made.json_size ? "application/octet-stream" : json_type);
}

}  // namespace redoubt::program
