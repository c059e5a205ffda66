#include "event_server.hpp"

#include "http_frame.hpp"
#include "inflation.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <redoubt/core/error.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace redoubt::program {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t block = std::size_t{64} << 10;
constexpr seconds sending_time{10};   // without a byte taken
constexpr seconds parting_time{2};    // in which the other side may read the last answer
constexpr seconds stopping_time{10};  // for what is being answered when the server stops

// A request that is all there, for the library to read, and what it answers.
class memory_stream : public httplib::Stream {
 public:
  explicit memory_stream(std::string_view request) : request_{request} {}
  [[nodiscard]] std::string& answer() { return answer_; }

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t count = std::min(size, request_.size());
    std::memcpy(to, request_.data(), count);
    request_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, std::size_t size) override {
    answer_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  [[nodiscard]] socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view request_;
  std::string answer_;
};

// How many connections this process may have open, at most `wanted`; the system's limit is raised where it may be.
std::size_t room_for(std::size_t wanted) {
  constexpr std::size_t other_files = 64;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return wanted;
  }
  const rlim_t needed = std::min<rlim_t>(limit.rlim_max, wanted + other_files);
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = needed;
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
    static_cast<void>(getrlimit(RLIMIT_NOFILE, &limit));
  }
  return std::clamp<std::size_t>(limit.rlim_cur - std::min<rlim_t>(limit.rlim_cur, other_files), 1, wanted);
}

const char* reason_of(int status) {
  switch (status) {
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

std::string refusal(int status, const std::string& why) {
  const std::string body = nlohmann::json{{"error", why}}.dump();
  return "HTTP/1.1 " + std::to_string(status) + " " + reason_of(status) +
         "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

enum class phase {
  reading,
  answering,
  sending,
  parting  // all is said, and the other side may still be talking: closed at once, it might lose the answer
};

// It belongs to one thread at a time: to the watcher from the event that the kernel reports once (EPOLLONESHOT), to a
// worker from the queue, to the kernel from `watch`. Others look at what is atomic. What passes through the kernel is
// in order, of which C++ knows nothing: hence `handed`, released before and acquired after.
struct connection {
  connection(socket_t s, std::size_t most_body) : socket{s}, frame{most_body} {}

  socket_t socket;
  std::string bytes;  // come and not answered yet
  http_frame frame;
  std::string unsent;
  clock::time_point begun;  // the request
  bool told_to_go_on = false;
  bool last_answer = false;
  std::atomic<bool> handed{false};
  std::atomic<phase> now{phase::reading};
  std::atomic<clock::time_point> deadline{clock::time_point::max()};
};

// What the library gives a connection to: the one that takes it is done in no time.
class passing_queue : public httplib::TaskQueue {
 public:
  explicit passing_queue(std::function<void()> at_end) : at_end_{std::move(at_end)} {}
  void enqueue(std::function<void()> task) override { task(); }
  void shutdown() override { at_end_(); }

 private:
  std::function<void()> at_end_;
};

}  // namespace

struct event_server::state {
  // Answers what is in the stream; says whether the connection goes on.
  using answer_function = std::function<bool(httplib::Stream&)>;

  event_options options;
  answer_function answer;
  int events = epoll_create1(EPOLL_CLOEXEC);
  int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<std::size_t> unanswered{0};  // bytes
  std::atomic<bool> stopping{false};

  std::mutex connections_mutex;
  std::unordered_map<connection*, std::unique_ptr<connection>> connections;

  std::mutex queue_mutex;
  std::condition_variable queued;
  std::deque<connection*> queue;
  bool queue_closed = false;

  std::vector<std::thread> workers;
  std::thread watcher;

  state(const event_options& o, answer_function a) : options{o}, answer{std::move(a)} {
    options.most_connections = room_for(options.most_connections);
    require(events >= 0 && bell >= 0, "cannot watch connections: ", std::strerror(errno));
    epoll_event ring{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(events, EPOLL_CTL_ADD, bell, &ring);
    workers.reserve(options.threads);
    for (std::size_t i = 0; i < options.threads; ++i) {
      workers.emplace_back([this] { work(); });
    }
    watcher = std::thread{[this] { look_after_connections(); }};
  }

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  ~state() {
    stop();
    close(bell);
    close(events);
  }

  // Answers what was asked, then ends. Once.
  void stop() {
    if (!watcher.joinable()) {
      return;
    }
    stopping = true;
    const std::uint64_t once = 1;
    static_cast<void>(write(bell, &once, sizeof once));
    watcher.join();
    {
      const std::scoped_lock lock{queue_mutex};
      queue_closed = true;
    }
    queued.notify_all();
    for (std::thread& worker : workers) {
      worker.join();
    }
    for (const auto& [each, owner] : connections) {
      close(each->socket);
    }
    connections.clear();
  }

  void take(socket_t socket) {
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    auto made = std::make_unique<connection>(socket, options.most_body);
    connection& one = *made;
    {
      const std::scoped_lock lock{connections_mutex};
      if (connections.size() >= options.most_connections) {
        const std::string full = refusal(503, "the server has too many connections; try again");
        static_cast<void>(send(socket, full.data(), full.size(), MSG_NOSIGNAL));
        close(socket);
        return;
      }
      connections.emplace(&one, std::move(made));
    }
    one.deadline = clock::now() + options.idle;
    watch(one, EPOLLIN, EPOLL_CTL_ADD);
  }

  // The kernel's from here on.
  void watch(connection& one, std::uint32_t what, int how = EPOLL_CTL_MOD) const {
    epoll_event event{.events = what | EPOLLONESHOT, .data = {.ptr = &one}};
    one.handed.store(true, std::memory_order_release);
    epoll_ctl(events, how, one.socket, &event);
  }

  void drop(connection& one) {
    unanswered -= one.bytes.size();
    const std::scoped_lock lock{connections_mutex};
    close(one.socket);
    connections.erase(&one);
  }

  // The watcher.

  void look_after_connections() {
    std::array<epoll_event, 64> found;
    clock::time_point next_round = clock::now();
    clock::time_point end = clock::time_point::max();
    while (clock::now() < end) {
      const int count = epoll_wait(events, found.data(), static_cast<int>(found.size()), stopping ? 20 : 500);
      for (int i = 0; i < count; ++i) {
        if (found[static_cast<std::size_t>(i)].data.ptr != nullptr) {
          attend(*static_cast<connection*>(found[static_cast<std::size_t>(i)].data.ptr));
        }
      }
      if (stopping && end == clock::time_point::max()) {
        end = clock::now() + stopping_time;
        std::uint64_t rung = 0;
        static_cast<void>(read(bell, &rung, sizeof rung));
      }
      if (stopping || clock::now() >= next_round) {
        if (hurry_the_late() == 0 && stopping) {
          return;
        }
        next_round = clock::now() + milliseconds{500};
      }
    }
  }

  // Ends the waiting of those whose time is over; who is being answered has all the time. Says how many there are.
  std::size_t hurry_the_late() {
    const std::scoped_lock lock{connections_mutex};
    const clock::time_point now = clock::now();
    for (const auto& [each, owner] : connections) {
      const phase at = each->now;
      const bool over = now > each->deadline.load();
      if (over || (stopping && (at == phase::reading || at == phase::parting))) {
        // Not closed: it may be another thread's. What it waits for comes at once, as an end or an error.
        shutdown(each->socket, at == phase::sending ? SHUT_RDWR : SHUT_RD);
      }
    }
    return connections.size();
  }

  void attend(connection& one) {
    static_cast<void>(one.handed.load(std::memory_order_acquire));
    try {
      switch (one.now) {
        case phase::reading:
          return receive(one);
        case phase::sending:
          return flush(one);
        case phase::parting:
          return hear_out(one);
        case phase::answering:
          return;
      }
    } catch (const std::exception&) {  // no memory
      drop(one);
    }
  }

  void receive(connection& one) {
    static thread_local std::array<char, block> buffer;
    const ssize_t count = recv(one.socket, buffer.data(), buffer.size(), 0);
    if (count < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        return watch(one, EPOLLIN);
      }
      return drop(one);
    }
    if (one.bytes.empty()) {
      one.begun = clock::now();
    }
    one.bytes.append(buffer.data(), static_cast<std::size_t>(count));
    unanswered += static_cast<std::size_t>(count);
    advance(one, count == 0);
  }

  // What the bytes that are there lead to.
  void advance(connection& one, bool ended) {
    switch (one.frame.look(one.bytes)) {
      case http_frame::state::whole:
        one.now = phase::answering;
        one.deadline = clock::time_point::max();
        return enqueue(one);
      case http_frame::state::refused:
        return refuse(one, one.frame.status(), one.frame.why());
      case http_frame::state::open:
        break;
    }
    if (ended && one.bytes.empty()) {
      return drop(one);
    }
    if (ended) {
      const bool late = clock::now() > one.deadline.load();
      return refuse(one, late ? 408 : 400,
                    late ? "the request took too long to come" : "the request ends in its middle");
    }
    if (unanswered > options.most_unanswered && one.bytes.size() > block) {
      return refuse(one, 503, "the server holds as much of others' requests as it can; try again");
    }
    if (one.frame.waits() && !std::exchange(one.told_to_go_on, true)) {
      constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      static_cast<void>(send(one.socket, go_on.data(), go_on.size(), MSG_NOSIGNAL));
    }
    const seconds for_size{one.bytes.size() / block};
    one.deadline = one.bytes.empty() ? clock::now() + options.idle : one.begun + options.request + for_size;
    watch(one, EPOLLIN);
  }

  void refuse(connection& one, int status, const std::string& why) {
    one.unsent = refusal(status, why);
    one.last_answer = true;
    flush(one);
  }

  void flush(connection& one) {
    std::size_t sent = 0;
    while (sent < one.unsent.size()) {
      const ssize_t count = send(one.socket, one.unsent.data() + sent, one.unsent.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN && errno != EINTR) {
        return drop(one);
      }
      if (count < 0) {
        one.unsent.erase(0, sent);
        one.now = phase::sending;
        one.deadline = clock::now() + sending_time;
        return watch(one, EPOLLOUT);
      }
      sent += static_cast<std::size_t>(count);
    }
    one.unsent.clear();
    if (one.last_answer) {
      return part(one);
    }
    one.now = phase::reading;
    advance(one, false);
  }

  void part(connection& one) {
    if (stopping) {
      return drop(one);
    }
    one.now = phase::parting;
    one.deadline = clock::now() + parting_time;
    shutdown(one.socket, SHUT_WR);
    watch(one, EPOLLIN);
  }

  void hear_out(connection& one) {
    static thread_local std::array<char, block> buffer;
    const ssize_t count = recv(one.socket, buffer.data(), buffer.size(), 0);
    const bool more = count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
    if (more && clock::now() < one.deadline.load()) {
      return watch(one, EPOLLIN);
    }
    drop(one);
  }

  // The workers.

  void enqueue(connection& one) {
    {
      const std::scoped_lock lock{queue_mutex};
      queue.push_back(&one);
    }
    queued.notify_one();
  }

  connection* next() {
    std::unique_lock lock{queue_mutex};
    queued.wait(lock, [this] { return queue_closed || !queue.empty(); });
    if (queue.empty()) {
      return nullptr;
    }
    connection* const first = queue.front();
    queue.pop_front();
    return first;
  }

  void work() {
    while (connection* const one = next()) {
      try {
        answer_one(*one);
      } catch (const std::exception&) {  // no memory
        drop(*one);
      }
    }
  }

  void answer_one(connection& one) {
    const std::size_t size = one.frame.size();
    if (one.frame.is_compressed()) {
      const inflation result = try_inflation(one.frame.body(one.bytes), options.most_body);
      if (result == inflation::too_large) {
        return refuse(one, 413, "the body, inflated, is larger than this server takes");
      }
      if (result == inflation::damaged) {
        return refuse(one, 400, "the compressed body is damaged, or not all there");
      }
    }
    memory_stream stream{std::string_view{one.bytes}.substr(0, size)};
    one.last_answer = !answer(stream) || stopping;
    one.unsent = std::move(stream.answer());
    unanswered -= size;
    one.bytes.erase(0, size);
    if (one.bytes.capacity() > block) {
      one.bytes.shrink_to_fit();
    }
    one.frame = http_frame{options.most_body};
    one.begun = clock::now();
    one.told_to_go_on = false;
    flush(one);
  }
};

event_server::event_server(const event_options& options)
    : state_{std::make_unique<state>(options, [this](httplib::Stream& stream) {
        bool ends = false;
        return process_request(stream, /*close_connection=*/false, ends, nullptr) && !ends;
      })} {
  new_task_queue = [this] {
    ::listen(svr_sock_, SOMAXCONN);  // the library lets five wait to be accepted
    return new passing_queue([this] { state_->stop(); });
  };
  set_keep_alive_max_count(1000000);  // as the answers' headers say
  set_keep_alive_timeout(std::chrono::duration_cast<seconds>(options.idle).count());
}

event_server::~event_server() = default;

bool event_server::process_and_close_socket(socket_t socket) {
  state_->take(socket);
  return true;
}

}  // namespace redoubt::program
