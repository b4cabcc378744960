#include "agent/api/commands.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "agent/api/arguments.hpp"
#include "agent/api/show.hpp"
#include "proto/crypto/x509.hpp"
#include "proto/runtime/loop/loop_thread.hpp"

namespace culvert::api {
namespace {

constexpr std::size_t kMaxAuditEntries = 10'000;
constexpr std::size_t kMaxAuditReads = 8;  // waiting or running; beyond: kExhausted

Reply bare() { return Reply::ok(nlohmann::json::object()); }
Reply missing(const char* what) {
  return Reply::failed({ErrorCode::kUnavailable, std::string("this agent has no ") + what});
}

agent::Done<void> plain(Answer answer) {
  return [answer = std::move(answer)](Result<void> done) {
    answer(done ? bare() : Reply::failed(done.error()));
  };
}

template <class T>
agent::Done<T> shown(Answer answer) {
  return [answer = std::move(answer)](Result<T> done) {
    answer(done ? Reply::ok(show(*done)) : Reply::failed(done.error()));
  };
}

template <class T>
nlohmann::json show_all(const std::vector<T>& list) {
  auto out = nlohmann::json::array();
  for (const auto& item : list) out.push_back(show(item));
  return out;
}

}  // namespace

class Commands::Impl {
 public:
  Impl(runtime::Loop& loop, agent::Core& core, CommandHooks hooks)
      : loop_(loop), core_(core), hooks_(std::move(hooks)) {}

  void handle(const std::string& command, const nlohmann::json& given, Answer answer) {
    const auto found = table().find(command);
    if (found == table().end()) {
      return answer(Reply::failed({ErrorCode::kNotFound, "this agent has no command " + command}));
    }
    Arguments arguments(given);
    const auto run = (this->*found->second)(arguments);
    if (const auto problem = arguments.problem()) return answer(Reply::failed(*problem));
    run(std::move(answer));
    if (hooks_.after) hooks_.after();
  }

 private:
  // A command: reads its arguments and returns what to do. The caller does that only if no argument
  // is wrong.
  using Run = std::function<void(Answer)>;
  using Command = Run (Impl::*)(Arguments&);

  static const std::map<std::string, Command>& table() {
    static const std::map<std::string, Command> commands = {
        {"status", &Impl::status},
        {"services", &Impl::services},
        {"requests", &Impl::requests},
        {"request", &Impl::request},
        {"withdraw", &Impl::withdraw},
        {"revoke", &Impl::withdraw},
        {"deny", &Impl::deny},
        {"lock", &Impl::lock},
        {"unlock", &Impl::unlock},
        {"clock-reset", &Impl::clock_reset},
        {"counters", &Impl::counters},
        {"forks", &Impl::forks},
        {"fork-choose", &Impl::fork_choose},
        {"ping", &Impl::ping},
        {"audit", &Impl::audit},
        {"ca", &Impl::ca},
        {"proxy-info", &Impl::proxy_info},
        {"proxy-refusals", &Impl::proxy_refusals},
        {"forward", &Impl::forward},
        {"forwards", &Impl::forwards},
        {"forward-end", &Impl::forward_end},
        {"down", &Impl::down}};
    return commands;
  }

  Now now() const { return loop_.now(); }

  Run status(Arguments&) {
    return [this](const Answer& answer) {
      auto shown = show(core_.status(now()));
      shown["stack"] = hooks_.stack;
      answer(Reply::ok(shown));
    };
  }
  Run services(Arguments&) {
    return [this](const Answer& answer) {
      answer(Reply::ok({{"services", show_all(core_.services(now()))}}));
    };
  }
  Run requests(Arguments&) {
    return [this](const Answer& answer) {
      answer(Reply::ok({{"requests", show_all(core_.requests(now()))}}));
    };
  }
  Run request(Arguments& arguments) {
    agent::RequestOptions options;
    options.service = arguments.text("service");
    options.reason = arguments.text("reason");
    options.duration = std::chrono::seconds(arguments.number("seconds"));
    const auto claim = arguments.number_if("claim_seconds", 0);
    if (claim != 0) options.claim = std::chrono::seconds(claim);
    options.start = arguments.time_if("start");
    return [this, options](Answer answer) {
      core_.request(now(), options, shown<agent::RequestView>(std::move(answer)));
    };
  }
  Run withdraw(Arguments& arguments) {
    return [this, grant = arguments.text("grant")](Answer answer) {
      core_.withdraw(now(), grant, plain(std::move(answer)));
    };
  }
  Run deny(Arguments& arguments) {
    return [this, grant = arguments.text("grant")](Answer answer) {
      core_.deny(now(), grant, plain(std::move(answer)));
    };
  }
  Run lock(Arguments&) {
    return [this](Answer answer) { core_.lock(now(), plain(std::move(answer))); };
  }
  Run unlock(Arguments&) {
    return [this](Answer answer) { core_.unlock(now(), plain(std::move(answer))); };
  }
  Run clock_reset(Arguments&) {
    return [this](Answer answer) { core_.reset_clock(now(), plain(std::move(answer))); };
  }
  Run counters(Arguments&) {
    return [this](const Answer& answer) {
      if (!hooks_.counters) return answer(missing("counters"));
      answer(Reply::ok({{"metrics", hooks_.counters()}}));
    };
  }
  Run forks(Arguments&) {
    return [this](const Answer& answer) {
      answer(Reply::ok({{"forks", show_all(core_.forks())}}));
    };
  }
  Run fork_choose(Arguments& arguments) {
    return [this, text = arguments.text("text")](Answer answer) {
      core_.choose_fork(now(), text, plain(std::move(answer)));
    };
  }
  Run ping(Arguments& arguments) {
    return [this, to = arguments.text("to")](Answer answer) {
      core_.ping(now(), to, shown<agent::PingResult>(std::move(answer)));
    };
  }

  Run audit(Arguments& arguments) {
    culvert::audit::Query query;
    query.since = arguments.time_if("since");
    query.until = arguments.time_if("until");
    query.who = arguments.text_if("who");
    query.grant = arguments.text_if("grant");
    query.service = arguments.text_if("service");
    query.limit = std::min(arguments.number_if("limit", query.limit), kMaxAuditEntries);
    return [this, query](Answer answer) {
      if (!hooks_.audit) return answer(missing("audit log"));
      read_audit(query, std::move(answer));
    };
  }

  // Reads the log on another thread, since the log may be long.
  void read_audit(const culvert::audit::Query& query, Answer answer) {
    if (reading_ >= kMaxAuditReads) {
      return answer(Reply::failed({ErrorCode::kExhausted, "the audit log is being read for " +
                                                              std::to_string(kMaxAuditReads) +
                                                              " commands already"}));
    }
    try {
      if (!reader_) reader_ = std::make_unique<runtime::LoopThread>();
    } catch (const std::system_error& error) {
      return answer(Reply::failed(
          {ErrorCode::kUnavailable, std::string("no thread to read the log: ") + error.what()}));
    }
    ++reading_;
    const auto node = core_.status(now()).name;  // the reporter: this node
    reader_->loop().post([this, query, node, read = hooks_.audit, answer = std::move(answer)] {
      const auto reply = audit_reply(read(query), node);
      loop_.post([this, left = std::weak_ptr<int>(alive_), reply, answer] {
        if (left.expired()) return;
        --reading_;
        answer(reply);
      });
    });
  }
  static Reply audit_reply(const Result<std::vector<culvert::audit::Entry>>& entries,
                           const std::string& node) {
    if (!entries) return Reply::failed(entries.error());
    auto shown = show_all(*entries);
    for (auto& entry : shown) entry["reporter"] = node;
    return Reply::ok({{"entries", std::move(shown)}});
  }

  // The certificate authorities of the services that this device may use now, as PEM for clients.
  Run ca(Arguments&) {
    return [this](const Answer& answer) {
      std::set<Bytes> issuers;
      for (const auto& service : core_.services(now())) {
        if (!service.issuer.empty()) issuers.insert(service.issuer);
      }
      std::string pem;
      for (const auto& issuer : issuers) pem += crypto::der_to_pem(issuer);
      answer(Reply::ok({{"pem", pem}}));
    };
  }
  Run proxy_info(Arguments&) {
    return [this](const Answer& answer) {
      const auto at = hooks_.proxy ? hooks_.proxy() : std::nullopt;
      answer(at ? Reply::ok({{"address", format(*at)}}) : missing("proxy"));
    };
  }

  // The names that the proxy has refused because no grant covers them, whether they exist or not.
  Run proxy_refusals(Arguments& arguments) {
    return [this, after = arguments.number_if("after", 0)](const Answer& answer) {
      if (!hooks_.refusals) return answer(missing("proxy"));
      const auto refusals = hooks_.refusals(after);
      answer(Reply::ok({{"last", refusals.last}, {"names", refusals.names}}));
    };
  }

  Run forward(Arguments& arguments) {
    return [this, text = arguments.text("spec")](const Answer& answer) {
      const auto opened = open_forward(text);
      answer(opened ? Reply::ok(show(*opened.value())) : Reply::failed(opened.error()));
    };
  }
  Run forwards(Arguments&) {
    return [this](const Answer& answer) {
      auto list = nlohmann::json::array();
      for (const auto& [port, forward] : forwards_) list.push_back(show(*forward));
      answer(Reply::ok({{"forwards", std::move(list)}}));
    };
  }
  Run forward_end(Arguments& arguments) {
    return [this, port = arguments.number("port")](const Answer& answer) {
      const bool ended = port <= 0xFFFF && forwards_.erase(static_cast<std::uint16_t>(port)) > 0;
      answer(ended ? bare() : Reply::failed({ErrorCode::kNotFound, "no forward has this port"}));
    };
  }

  Result<proxy::Forward*> open_forward(const std::string& text) {
    const auto spec = proxy::ForwardSpec::parse(text);
    if (!spec) return fail_with(spec.error());
    if (!hooks_.dialer || !hooks_.doors) {
      return fail(ErrorCode::kUnavailable, "this agent has no forwards: it is not a laptop's");
    }
    const auto service = core_.resolve(now(), spec->host);
    if (!service) {
      return fail(ErrorCode::kNotFound, "no such service: " + spec->host);
    }
    if (forwards_.size() >= proxy::kMaxForwards) {
      return fail(ErrorCode::kExhausted,
                  "more than " + std::to_string(proxy::kMaxForwards) + " forwards: end one first");
    }
    auto opened =
        proxy::Forward::open(loop_, *spec, service->protocol, hooks_.dialer, *hooks_.doors);
    if (!opened) return fail_with(opened.error());
    const auto port = (*opened)->local_endpoint().port;
    return (forwards_[port] = std::move(*opened)).get();
  }

  Run down(Arguments&) {
    return [this](const Answer& answer) {
      answer(bare());
      if (hooks_.down) hooks_.down();
    };
  }

  runtime::Loop& loop_;
  agent::Core& core_;
  CommandHooks hooks_;
  std::map<std::uint16_t, std::unique_ptr<proxy::Forward>> forwards_;  // by local port
  // Destroyed with Commands: late answers are dropped.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::size_t reading_ = 0;
  std::unique_ptr<runtime::LoopThread> reader_;  // made when a command first reads the audit log
};

Commands::Commands(runtime::Loop& loop, agent::Core& core, CommandHooks hooks)
    : impl_(std::make_unique<Impl>(loop, core, std::move(hooks))) {}
Commands::~Commands() = default;

void Commands::handle(const std::string& command, const nlohmann::json& arguments, Answer answer) {
  impl_->handle(command, arguments, std::move(answer));
}

}  // namespace culvert::api
