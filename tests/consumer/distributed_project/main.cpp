// Two processes average the gradients of the two halves of a batch: the answer is the gradient of the whole.
#include <redoubt/distributed/gradients.hpp>

#include <ATen/ATen.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>

namespace {

// The squares of the rows' sums: their mean's gradient is 2 (x . w) x, averaged over the rows.
at::Tensor gradient_of(const at::Tensor& x, const redoubt::process_group& group) {
  const at::Tensor w = at::ones({3}).requires_grad_();
  x.matmul(w).square().mean().backward();
  redoubt::average_gradients(group, {w});
  return w.grad();
}

// One that nobody listens on now.
std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ntohs(address.sin_port);
}

int work(int rank, std::uint16_t port) {
  const at::Tensor x = at::arange(12).to(at::kFloat).reshape({4, 3});
  try {
    const redoubt::process_group group{
        redoubt::rendezvous{.rank = rank, .world = 2, .address = "127.0.0.1", .port = port}};
    const at::Tensor found = gradient_of(x.narrow(0, 2 * rank, 2), group);
    const at::Tensor expected = gradient_of(x, redoubt::process_group{redoubt::rendezvous{}});
    const bool right = at::allclose(found, expected);
    std::printf("rank %d of %d: %s\n", group.rank(), group.world(), right ? "as expected" : "wrong");
    return right ? 0 : 1;
  } catch (const std::exception& error) {
    std::printf("rank %d: %s\n", rank, error.what());
    return 1;
  }
}

}  // namespace

int main() {
  const std::uint16_t port = free_port();
  const pid_t other = ::fork();
  const int own = work(other == 0 ? 1 : 0, port);
  if (other == 0) {
    std::fflush(stdout);
    ::_exit(own);
  }
  int status = 1;
  ::waitpid(other, &status, 0);
  return own == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
