// What people ask for: requests for access, their end, locks, pings; and the questions of the shell
// before a flow begins.
//
// A request, in order: request() → the coordinator names the site's policy → on_site_info(): Access
// signs the grant's text → the coordinator takes the note → the caller gets the view.
#include "agent/core/core.hpp"

namespace culvert::agent {
namespace {

tl::unexpected<Error> not_stored(std::string what) {
  return fail(ErrorCode::kUnavailable, std::move(what));
}

}  // namespace

void Core::request(Now now, const RequestOptions& options, Done<RequestView> done) {
  const auto name = trust::Fqdn::parse(options.service);
  if (!name || !name->site()) {
    return done(fail(ErrorCode::kInvalid, "\"" + options.service + "\" is no service name"));
  }
  if (is_site()) {
    return done(fail(ErrorCode::kDenied, "only a person's device can request access"));
  }
  if (access_->evidence().node(now, access_->keys().identity.public_key()) == nullptr) {
    return done(fail(ErrorCode::kDenied,
                     "this device is not admitted yet: ask for `culvert device admit`"));
  }
  if (!link_.connected()) {
    return done(fail(ErrorCode::kUnavailable, "the coordinator is not reachable now"));
  }
  const auto asked = link_.site_info(
      options.service, [this, options, done](Now then, const Result<control::Reply>& reply) {
        on_site_info(then, options, done, reply);
      });
  if (!asked) return done(fail_with(asked.error()));
  settle(now);
}

void Core::on_site_info(Now now, const RequestOptions& wish, const Done<RequestView>& done,
                        const Result<control::Reply>& reply) {
  if (!reply) return done(fail_with(reply.error()));
  std::vector<note::Note> notes;
  for (const std::string& each : reply->notes) {
    if (auto note = note::parse(each)) notes.push_back(std::move(*note));
  }
  access_->learn_site(now, notes);
  const auto name = trust::Fqdn::parse(wish.service);
  if (!name || !reply->policy) return done(fail(ErrorCode::kNotFound, "no such site"));
  const auto request = access_->requests().build(now, wish, *name, *reply->policy);
  if (!request) return done(fail_with(request.error()));
  // After a reconnect the link puts the note again, which adds nothing.
  const auto put = link_.put(
      *request, [this, request = *request, done](Now then, const Result<control::Reply>& answer) {
        if (!answer) return done(fail_with(answer.error()));
        const auto grant = trust::Grant::parse(request.text);
        if (!grant) return done(fail_with(grant.error()));
        access_->requests().record_request(then, request);
        done(access_->requests().view(then, grant->id, request));
      });
  if (!put) done(fail_with(put.error()));
}

void Core::withdraw(Now now, const std::string& text, Done<void> done) {
  const auto id = trust::GrantId::parse(text);
  if (!id) return done(fail(ErrorCode::kInvalid, "\"" + text + "\" is no grant id"));
  const auto note = access_->withdraw(now, *id);
  if (!note) return done(fail_with(note.error()));
  update(now);
  access_->requests().record_withdrawal(now, *id);
  const auto put = link_.put(*note, [done](Now, const Result<control::Reply>& reply) {
    done(reply ? Result<void>() : fail_with(reply.error()));
  });
  if (!put) done(fail_with(put.error()));
  settle(now);
}

void Core::deny(Now now, const std::string& text, Done<void> done) {
  const auto id = trust::GrantId::parse(text);
  if (!id) return done(fail(ErrorCode::kInvalid, "\"" + text + "\" is no grant id"));
  access_->deny(now, *id);
  update(now);
  audit::Entry entry;
  entry.kind = audit::Kind::kDenial;
  entry.grant = text;
  access_->record(now, std::move(entry));
  settle(now);
  if (access_->store_ok()) return done({});
  done(not_stored("denied here, but it could not be stored: it would come back after a restart"));
}

void Core::set_lock(Now now, bool locked, const Done<void>& done) {
  access_->set_lock(locked);
  update(now);
  audit::Entry entry;
  entry.kind = locked ? audit::Kind::kLock : audit::Kind::kUnlock;
  access_->record(now, std::move(entry));
  settle(now);
  if (access_->store_ok()) return done({});
  done(not_stored(locked ? "locked, but it could not be stored: a restart would unlock"
                         : "unlocked, but it could not be stored: a restart would lock again"));
}

void Core::lock(Now now, Done<void> done) { set_lock(now, true, done); }
void Core::unlock(Now now, Done<void> done) { set_lock(now, false, done); }

void Core::reset_clock(Now now, Done<void> done) {
  if (auto written = access_->reset_clock(now); !written) {
    return done(fail_with(written.error()));
  }
  link_.begin_anew(now);  // the coordinator tells again what the wrong clock refused
  update(now);
  settle(now);
  done({});
}

void Core::choose_fork(Now now, const std::string& text, Done<void> done) {
  const auto hash = trust::parse_hash(text);
  if (!hash) {
    return done(fail(ErrorCode::kInvalid,
                     "the text is named by its hash, sha256:...; see them: "
                     "culvert fork list"));
  }
  if (auto chosen = access_->choose_fork(now, *hash); !chosen) {
    return done(
        fail(ErrorCode::kNotFound,
             "no root known here has that text as one of two; see them: culvert fork list"));
  }
  update(now);
  settle(now);
  if (access_->store_ok()) return done({});
  done(not_stored("chosen, but the choice could not be stored: a restart would forget it"));
}

void Core::ping(Now now, const std::string& name, Done<PingResult> done) {
  for (const auto& [id, right] : access_->rights()) {
    if (right.live.service.name.str() != name && right.other.name.str() != name) continue;
    mesh_.ping(now, right.other.wireguard, std::move(done));
    return settle(now);
  }
  done(fail(ErrorCode::kNotFound, "no such peer or service"));
}

Result<ServiceView> Core::dial(Now now, const std::string& name) {
  const auto host = trust::Fqdn::parse(name);
  const auto right = host ? access_->dial(now, *host)
                          : Result<Right>(fail(ErrorCode::kNotFound, "no such service"));
  if (!right) return fail_with(right.error());
  return view_of(now, *right);
}

Result<FlowContext> Core::authorize_flow(Now now, const IpAddress& peer, const std::string& fqdn) {
  return access_->authorize_flow(now, peer, fqdn);
}

void Core::flow_closed(Now now, const FlowContext& flow, const std::string& fqdn,
                       std::uint64_t bytes_in, std::uint64_t bytes_out, const std::string& reason) {
  access_->flow_closed(now, flow, fqdn, bytes_in, bytes_out, reason);
  settle(now);
}

void Core::stop(Now now) {
  stopping_ = true;
  mesh_.stop(now);
  access_->stop();
  settle(now);
}

}  // namespace culvert::agent
