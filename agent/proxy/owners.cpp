#include "agent/proxy/owners.hpp"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace culvert::proxy {

struct Owners::Impl {
  Impl(runtime::Loop& l, std::uint32_t owner, OwnerSources sources)
      : loop(l), rule(owner), finder(std::move(sources)) {}

  struct Asked {
    std::vector<SocketQuestion> questions;
    std::vector<OwnerAnswer> answers;
  };

  runtime::Loop& loop;
  const OwnerRule rule;
  OwnerFinder finder;  // used by the thread only

  std::mutex mutex;  // guards `waiting` and `stopping`
  std::condition_variable changed;
  Asked waiting;
  bool stopping = false;

  std::shared_ptr<int> alive = std::make_shared<int>();  // once destroyed, answers are dropped
  std::thread thread;

  void work() {
    for (;;) {
      Asked batch;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || !waiting.questions.empty(); });
        if (stopping) return;
        std::swap(batch, waiting);
      }
      auto uids = finder.find(batch.questions);
      loop.post([this, left = std::weak_ptr<int>(alive), answers = std::move(batch.answers),
                 found = std::move(uids)] {
        for (std::size_t i = 0; i < answers.size() && !left.expired(); ++i) {
          answers[i](rule.serves(found[i]));
        }
      });
    }
  }
};

Result<std::unique_ptr<Owners>> Owners::start(runtime::Loop& loop, std::uint32_t owner,
                                              OwnerSources sources) {
  auto impl = std::make_unique<Impl>(loop, owner, std::move(sources));
  try {
    impl->thread = std::thread([raw = impl.get()] { raw->work(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kUnavailable,
                std::string("cannot start a thread for the check of local users: ") + error.what() +
                    " (raise the limit of processes of this user)");
  }
  return std::unique_ptr<Owners>(new Owners(std::move(impl)));
}

Owners::Owners(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Owners::~Owners() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
  impl_->alive.reset();
}

void Owners::ask(const SocketQuestion& question, OwnerAnswer answer) {
  const std::lock_guard lock(impl_->mutex);
  impl_->waiting.questions.push_back(question);
  impl_->waiting.answers.push_back(std::move(answer));
  impl_->changed.notify_one();
}

OwnerCheck Owners::check() {
  return [this](const Endpoint& client, const Endpoint& listener, OwnerAnswer answer) {
    ask({Transport::kTcp, client, listener}, std::move(answer));
  };
}

}  // namespace culvert::proxy
