#include "http_listener.hpp"

#include "oip_document.hpp"

#include <chrono>
#include <redoubt/core/error.hpp>

namespace redoubt::program {
namespace {

// What a status means where nobody has said it.
const char* words_of(int status) {
  switch (status) {
    case 400:
      return "the request is not HTTP as this server reads it";
    case 404:
      return "there is no such route";
    case 413:
      return "the body is larger than this server takes";
    case 414:
      return "the address is longer than this server takes";
    default:
      return "the request could not be answered";
  }
}

}  // namespace

void answer(httplib::Response& to, const nlohmann::json& body, int status) {
  to.status = status;
  // What is quoted may be any bytes, also such as are no UTF-8.
  to.set_content(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), json_type);
}

void detail::answer_exception(httplib::Response& to) {
  try {
    throw;
  } catch (const not_found& error) {
    answer(to, {{"error", shortened(error.what())}}, 404);
  } catch (const std::invalid_argument& error) {
    answer(to, {{"error", shortened(error.what())}}, 400);
  } catch (const too_busy& error) {
    to.set_header("Retry-After", "1");
    answer(to, {{"error", error.what()}}, 503);
  } catch (const std::exception& error) {
    const std::string said = error.what();
    answer(to, {{"error", shortened(said.substr(0, said.find('\n')))}}, 500);
  }
}

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

http_listener::http_listener(const http_options& options)
    : options_{options}, server_{{.threads = options.threads, .most_body = options.most_bytes}} {
  server_.set_payload_max_length(options.most_bytes);
  server_.set_tcp_nodelay(true);
  // Not SO_REUSEPORT, the library's default: a second server on the port would take a share of the first's requests.
  server_.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server_.set_error_handler([](const httplib::Request&, httplib::Response& to) {
    if (to.body.empty()) {
      answer(to, {{"error", words_of(to.status)}}, to.status);
    }
  });
}

http_listener::~http_listener() {
  stop();
}

void http_listener::start() {
  port_ = options_.port == 0 ? server_.bind_to_any_port(options_.host)
                             : (server_.bind_to_port(options_.host, options_.port) ? options_.port : -1);
  if (port_ < 0) {
    fail("cannot listen on ", options_.host, ":", options_.port, ": the port is taken, or is not for this user");
  }
  thread_ = std::thread{[this] { server_.listen_after_bind(); }};
  while (!server_.is_running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

void http_listener::stop() {
  if (thread_.joinable()) {
    server_.stop();
    thread_.join();
  }
}

}  // namespace redoubt::program
