#include "http_server.hpp"

#include "event_server.hpp"
#include "oip_document.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <redoubt/core/error.hpp>
#include <regex>
#include <thread>

namespace redoubt::program {
namespace {

using nlohmann::json;

constexpr const char* json_type = "application/json";
constexpr const char* size_header = "Inference-Header-Content-Length";

void answer(httplib::Response& to, const json& body, int status = 200) {
  to.status = status;
  // An address may hold any bytes, also such as are no UTF-8.
  to.set_content(body.dump(-1, ' ', false, json::error_handler_t::replace), json_type);
}

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

// The body as it is, whatever Content-Type says: of what curl sends by default the library would read 8 KiB, as a form.
std::string body_of(const httplib::Request& request, const httplib::ContentReader& read) {
  require(!request.is_multipart_form_data(), "the body must be the request itself, not a form");
  std::string body;
  const bool whole = read([&](const char* bytes, std::size_t count) {
    body.append(bytes, count);
    return true;
  });
  require(whole, "the body is not what its headers say");
  return body;
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

// What a status means where nobody has said it.
const char* words_of(int status) {
  switch (status) {
    case 400:
      return "the request is not HTTP as this server reads it";
    case 404:
      return "there is no such route; GET /v2 says what this is";
    case 413:
      return "the body is larger than this server takes";
    case 414:
      return "the address is longer than this server takes";
    default:
      return "the request could not be answered";
  }
}

}  // namespace

struct http_server::state {
  inference_service& service;
  event_server server;
  std::atomic<bool> ready{true};
  int port = 0;
  std::thread listener;

  state(inference_service& s, const http_options& options)
      : service{s}, server{{.threads = options.threads, .most_body = options.most_bytes}} {
    server.set_payload_max_length(options.most_bytes);
    server.set_tcp_nodelay(true);
    // Not SO_REUSEPORT, the library's default: a second server on the port would take a share of the first's requests.
    server.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server.set_error_handler([](const httplib::Request&, httplib::Response& to) {
      if (to.body.empty()) {
        answer(to, {{"error", words_of(to.status)}}, to.status);
      }
    });
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& to) {
      return refuse_other_method(request, to) ? httplib::Server::HandlerResponse::Handled
                                              : httplib::Server::HandlerResponse::Unhandled;
    });
    add_health();
    add_models();
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& to) {
      to.set_content(service.metrics_text(), "text/plain; version=0.0.4; charset=utf-8");
    });
  }

  // A handler, and what its exceptions mean.
  template <class Work>
  httplib::Server::Handler guarded(Work work) {
    return [work](const httplib::Request& request, httplib::Response& to) {
      try {
        work(request, to);
      } catch (const not_found& error) {
        answer(to, {{"error", shortened(error.what())}}, 404);
      } catch (const std::invalid_argument& error) {
        answer(to, {{"error", shortened(error.what())}}, 400);
      } catch (const queue_full& error) {
        to.set_header("Retry-After", "1");
        answer(to, {{"error", error.what()}}, 503);
      } catch (const std::exception& error) {
        const std::string said = error.what();
        answer(to, {{"error", shortened(said.substr(0, said.find('\n')))}}, 500);
      }
    };
  }

  void add_health() {
    server.Get("/v2/?", guarded([](const auto&, auto& to) { answer(to, inference_service::server_metadata()); }));
    server.Get("/v2/health/live", guarded([](const auto&, auto& to) { answer(to, {{"live", true}}); }));
    server.Get("/v2/health/ready", guarded([this](const auto&, auto& to) {
                 const bool now = ready;
                 answer(to, {{"ready", now}, {"live", true}}, now ? 200 : 503);
               }));
  }

  // Each of a model's routes with and without a version.
  void add_models() {
    const std::string model = R"(/v2/models/([^/]+))";
    server.Get("/v2/models", guarded([this](const auto&, auto& to) { answer(to, {{"models", {service.name()}}}); }));
    for (const std::string& at : {model, model + R"(/versions/([^/]+))"}) {
      server.Get(at, guarded([this](const auto& request, auto& to) {
                   answer(to, service.model_metadata(name_in(request), version_in(request)));
                 }));
      server.Get(at + "/ready", guarded([this](const auto& request, auto& to) {
                   service.require_served(name_in(request), version_in(request));
                   const bool now = ready;
                   answer(to, {{"name", name_in(request)}, {"ready", now}}, now ? 200 : 503);
                 }));
      server.Post(at + "/infer", [this](const httplib::Request& request, httplib::Response& to,
                                        const httplib::ContentReader& read) {
        to.status = 200;
        guarded([&](const auto& asked, auto& answered) { infer(asked, body_of(asked, read), answered); })(request, to);
        service.metrics().answered(to.status);
      });
    }
  }

  void infer(const httplib::Request& request, const std::string& body, httplib::Response& to) {
    const oip_body made = service.infer(name_in(request), version_in(request), body, json_size_of(request));
    if (made.json_size) {
      to.set_header(size_header, std::to_string(*made.json_size));
    }
    to.set_content(made.bytes, made.json_size ? "application/octet-stream" : json_type);
  }

  static std::string name_in(const httplib::Request& request) { return request.matches[1]; }
  static std::string version_in(const httplib::Request& request) {
    return request.matches.size() > 2 ? request.matches[2].str() : std::string{};
  }
};

http_server::http_server(inference_service& service, const http_options& options)
    : state_{std::make_unique<state>(service, options)} {
  state_->port = options.port == 0 ? state_->server.bind_to_any_port(options.host)
                                   : (state_->server.bind_to_port(options.host, options.port) ? options.port : -1);
  if (state_->port < 0) {
    fail("cannot listen on ", options.host, ":", options.port, ": the port is taken, or is not for this user");
  }
  state_->listener = std::thread{[this] { state_->server.listen_after_bind(); }};
  while (!state_->server.is_running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

http_server::~http_server() {
  state_->server.stop();
  state_->listener.join();
}

int http_server::port() const {
  return state_->port;
}

void http_server::drain() {
  state_->ready = false;
}

}  // namespace redoubt::program
