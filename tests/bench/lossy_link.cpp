// A link with delay and loss between two network namespaces, for systems without netem:
//
//   culvert_lossy_link NETNS-A NETNS-B DELAY-MS LOSS-PERCENT
//
// Each namespace has a TUN device `lossy0`. A packet sent to one device arrives at the other after
// the delay (each way), or is lost at random. The program prints "ready" and runs until it is
// killed.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kQueue =
    10'000;  // packets on their way in one direction; then the tail drops
constexpr std::size_t kMaxPacket = 65'536;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

int open_tun(const std::string& space) {
  const int ns = ::open(("/run/netns/" + space).c_str(), O_RDONLY | O_CLOEXEC);
  if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) give_up(space.c_str());
  ::close(ns);
  const int tun = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, "lossy0", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) give_up("lossy0");
  return tun;
}

class Direction {
 public:
  Direction(int from, int to, Clock::duration delay, double loss)
      : from_(from), to_(to), delay_(delay), lost_(loss) {}

  void take() {
    static std::array<char, kMaxPacket> buffer;
    for (ssize_t size = 0; (size = ::read(from_, buffer.data(), buffer.size())) > 0;) {
      if (lost_(random_) || queue_.size() == kQueue) continue;
      queue_.push_back({Clock::now() + delay_, {buffer.data(), buffer.data() + size}});
    }
  }
  void give() {
    for (; !queue_.empty() && queue_.front().due <= Clock::now(); queue_.pop_front()) {
      const auto& bytes = queue_.front().bytes;
      if (::write(to_, bytes.data(), bytes.size()) >= 0 || errno == EAGAIN) continue;
      if (errno != EIO) give_up("write");  // EIO: the device is not up yet
    }
  }
  Clock::time_point due() const {
    return queue_.empty() ? Clock::time_point::max() : queue_.front().due;
  }

 private:
  struct Packet {
    Clock::time_point due;
    std::vector<char> bytes;
  };

  int from_;
  int to_;
  Clock::duration delay_;
  std::mt19937 random_{1};  // a fixed seed: the same losses in each run
  std::bernoulli_distribution lost_;
  std::deque<Packet> queue_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    std::fprintf(stderr, "usage: culvert_lossy_link NETNS-A NETNS-B DELAY-MS LOSS-PERCENT\n");
    return 2;
  }
  const auto delay = std::chrono::microseconds(static_cast<long>(std::atof(words[3]) * 1000));
  const double loss = std::atof(words[4]) / 100;
  const int a = open_tun(words[1]);
  const int b = open_tun(words[2]);
  Direction there(a, b, delay, loss);
  Direction back(b, a, delay, loss);
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    std::array<pollfd, 2> watched{{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    const auto due = std::min(there.due(), back.due());
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(due - Clock::now());
    timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    if (left.count() < 0) wait = {0, 0};
    const bool idle = due == Clock::time_point::max();
    if (ppoll(watched.data(), watched.size(), idle ? nullptr : &wait, nullptr) < 0) give_up("poll");
    there.take();
    back.take();
    there.give();
    back.give();
  }
}
