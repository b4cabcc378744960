#include "agent/shell/lease_server.hpp"

#include <iterator>

#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/log.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::agent {
namespace {

namespace log = runtime::log;

constexpr std::string_view kPutPrefix = "put-revocations-";

std::string put_name(std::size_t file) {
  return std::string(kPutPrefix) + std::to_string(file) + ".note";
}

int status_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kUnverified:
    case ErrorCode::kDenied:
    case ErrorCode::kStale:
    case ErrorCode::kConflict:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kInternal:
      return 503;
  }
  return 503;
}

bool is_document(std::string_view text) {
  const auto kind = trust::kind_of(text);
  return kind == trust::Kind::kRoot || kind == trust::Kind::kSite || kind == trust::Kind::kPolicy ||
         kind == trust::Kind::kEnrolment || kind == trust::Kind::kRevocation ||
         kind == trust::Kind::kFresh;
}

}  // namespace

Result<std::unique_ptr<LeaseServer>> LeaseServer::open(runtime::Loop& loop, Rng& rng,
                                                       LeaseServerOptions options,
                                                       trust::Evidence evidence) {
  std::unique_ptr<LeaseServer> server(
      new LeaseServer(loop, rng, std::move(options), std::move(evidence)));
  if (auto read = server->read_puts(); !read) return fail_with(read.error());
  auto listener = runtime::TcpListener::open(
      loop, server->options_.listen,
      [raw = server.get()](std::unique_ptr<runtime::TcpStream> stream, const Endpoint&) {
        raw->accepted(std::move(stream));
      });
  if (!listener) return fail_with(listener.error());
  server->listener_ = std::move(*listener);
  server->folder_ = std::make_unique<runtime::NotesFolder>(
      loop, server->options_.documents,
      [raw = server.get()](const std::vector<runtime::NotesFile>& files) { raw->learn(files); });
  return server;
}

LeaseServer::LeaseServer(runtime::Loop& loop, Rng& rng, LeaseServerOptions options,
                         trust::Evidence evidence)
    : loop_(loop), rng_(rng), options_(std::move(options)), evidence_(std::move(evidence)) {
  if (!options_.clock) options_.clock = [this] { return loop_.now(); };
}

// Before the first answer: whatever ended something must count from the start. A fault in the
// folder keeps the server from starting, for a lease that was signed without a revocation that is
// unreadable here would be wrong.
Status LeaseServer::read_puts() {
  const auto files = runtime::read_notes_folder(options_.documents);
  for (const auto& file : files) {
    if (!file.text)
      return fail(file.text.error().code, file.name + ": " + file.text.error().message);
    const auto notes = note::parse_bundle(*file.text);
    if (!notes) return fail(notes.error().code, file.name + ": " + notes.error().message);
  }
  learn(files);
  for (std::size_t i = 0; i < kMaxPutFiles; ++i) {
    for (const auto& file : files) {
      if (file.name == put_name(i)) puts_.push_back(*note::parse_bundle(*file.text));
    }
    if (puts_.size() <= i) break;
  }
  return {};
}

void LeaseServer::learn(const std::vector<runtime::NotesFile>& files) {
  std::vector<note::Note> notes;
  std::vector<std::string> from;
  std::map<std::string, std::string> bad;
  for (const auto& file : files) {
    auto parsed = file.text ? note::parse_bundle(*file.text) : fail_with(file.text.error());
    if (!parsed) {
      bad[file.name] = parsed.error().message;
      continue;
    }
    for (auto& note : *parsed) {
      if (!is_document(note.text)) {
        bad[file.name] = "a type of statement that does not belong here";
        continue;
      }
      notes.push_back(std::move(note));
      from.push_back(file.name);
    }
  }
  const auto results = evidence_.offer_all(notes, options_.clock());
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i] && results[i].error().code != ErrorCode::kStale) {
      bad[from[i]] = results[i].error().message;
    }
  }
  for (const auto& [file, why] : bad) {
    if (said_[file] != why) log::warn("a document is not taken", {{"file", file}, {"why", why}});
  }
  said_ = std::move(bad);
}

void LeaseServer::accepted(std::unique_ptr<runtime::TcpStream> stream) {
  if (calls_.size() >= kMaxLeaseCalls) {
    auto gone = calls_.begin();
    std::advance(gone, rng_.below(calls_.size()));
    calls_.erase(gone);
  }
  const auto id = ++last_call_;
  calls_[id] = std::make_unique<runtime::HttpCall>(
      loop_, std::move(stream), kMaxLeaseBody, [this, id](Result<runtime::HttpRequest> request) {
        const auto call = calls_.find(id);
        if (call == calls_.end()) return;
        if (request) {
          const auto said = answer(*request);
          call->second->answer(said.status, said.body);
        }
        // The call is in use by this very event.
        loop_.defer([this, id] { calls_.erase(id); });
      });
}

LeaseServer::Answer LeaseServer::answer(const runtime::HttpRequest& request) {
  const auto& target = request.head.target;
  if (request.head.method == "GET" && target == "/healthz") return {200, "ok\n"};
  const bool asks = target == trust::kLeasePath;
  if (!asks && target != trust::kRevocationPath) return {404, "not found\n"};
  if (request.head.method != "POST") return {405, "this path is asked by POST\n"};
  if (asks) {
    auto bundle = lease(request.body);
    if (bundle) return {200, std::move(*bundle)};
    return {status_of(bundle.error()), bundle.error().message + "\n"};
  }
  const auto taken = put(request.body);
  if (taken) return {204, ""};
  return {status_of(taken.error()), taken.error().message + "\n"};
}

Result<std::string> LeaseServer::lease(std::string_view question) {
  const auto asked = trust::LeaseQuestion::parse(question);
  if (!asked) return fail_with(asked.error());
  if (asked->site.id != options_.site) {
    return fail(ErrorCode::kDenied, "this lease server serves another site");
  }
  evidence_.advance(options_.clock());
  const auto notes = trust::answer_lease(*asked, evidence_, options_.name, options_.key);
  if (!notes) return fail_with(notes.error());
  return note::render_bundle(*notes);
}

Status LeaseServer::put(std::string_view text) {
  const auto note = note::parse(text);
  if (!note) return fail_with(note.error());
  if (trust::kind_of(note->text) != trust::Kind::kRevocation) {
    return fail(ErrorCode::kInvalid, "only revocations are put to a lease server");
  }
  const auto taken = evidence_.offer(*note, options_.clock());
  if (!taken) return fail_with(taken.error());
  const bool known = taken->kind == trust::ChangeKind::kNone;
  if (known && !unsaved_) return {};
  if (!known) {
    log::info("a revocation was put", {{"text", trust::format_hash(note::hash(*note).view())}});
  }
  auto kept = known ? save() : keep(*note);
  if (!kept) {
    return fail(ErrorCode::kUnavailable,
                "the revocation counts until this server stops, but it cannot "
                "be kept: " +
                    kept.error().message);
  }
  return {};
}

Status LeaseServer::keep(const note::Note& note) {
  if (puts_.empty() || puts_.back().size() >= kPutsInFile) {
    if (puts_.size() >= kMaxPutFiles) {
      return fail(ErrorCode::kExhausted,
                  "the folder holds as many put revocations as it may; "
                  "remove the oldest " +
                      std::string(kPutPrefix) + " files");
    }
    puts_.emplace_back();
  }
  puts_.back().push_back(note);
  return save();
}

Status LeaseServer::save() {
  unsaved_ = true;
  auto written = runtime::write_file_atomic(options_.documents + "/" + put_name(puts_.size() - 1),
                                            view(note::render_bundle(puts_.back())));
  unsaved_ = !written.has_value();
  return written;
}

}  // namespace culvert::agent
