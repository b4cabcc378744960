// `culvert site lease serve`, and the hand-over of revocations to a lease server.
#include <csignal>
#include <filesystem>

#include "agent/cli/people/keyfile.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "agent/shell/lease_link.hpp"
#include "agent/shell/lease_server.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/signal.hpp"

namespace culvert::cli {
namespace {

constexpr Duration kPutTimeout = 20s;

}  // namespace

Status site_lease_serve(const LeaseServe& options) {
  auto key = read_key(options.key_file);
  if (!key) return fail_with(key.error());
  if (auto ok = check_group(*key, {trust::Group::kLease}); !ok) return ok;
  if (key->root != trust::RootKind::kSite) {
    return fail(ErrorCode::kDenied, "this lease key is the vendor's; a site's is needed");
  }
  const auto listen = parse_endpoint(options.listen);
  if (!listen) return fail(ErrorCode::kInvalid, "--listen: write it as ADDRESS:PORT");
  runtime::Loop loop;
  const auto folder = std::filesystem::absolute(options.key_file).parent_path();
  auto evidence = read_evidence(folder, key->pins(), loop.now());
  if (!evidence) return fail_with(evidence.error());
  const auto site = trust::to_site_id(key->pin);
  if (evidence->site_root(site) == nullptr) {
    return fail(ErrorCode::kNotFound, "no root of the site is beside " + options.key_file +
                                          "; put " + kSiteBundle + " and " + kVendorBundle +
                                          " there");
  }
  const auto own = key->key.public_key();
  crypto::SystemRng rng;
  auto server = agent::LeaseServer::open(
      loop, rng, {*listen, options.documents, key->person.str(), std::move(key->key), site},
      std::move(*evidence));
  if (!server) return fail_with(server.error());
  const runtime::SignalWatch interrupt(loop, SIGINT, [&loop] { loop.stop(); });
  const runtime::SignalWatch terminate(loop, SIGTERM, [&loop] { loop.stop(); });
  const auto* root = (*server)->evidence().site_root(site);
  if (root == nullptr || root->find(own, trust::Group::kLease) == nullptr) {
    hint(
        "culvert: the site's root that is known here does not list this lease key: no agent will "
        "take its leases");
  }
  print("lease server of " + (root == nullptr ? std::string("?") : root->name.str()) + " on " +
        format((*server)->local_endpoint()));
  loop.run();
  return {};
}

Status put_to_lease_server(const std::string& url, const note::Note& revocation) {
  runtime::Loop loop;
  std::optional<Result<std::string>> answered;
  agent::LeaseLink link(loop, [&](const Result<std::string>& answer) { answered = answer; });
  std::string base = url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  link.ask({base + std::string(trust::kRevocationPath), note::render(revocation)});
  if (!loop.run_until([&] { return answered.has_value(); }, kPutTimeout)) {
    return fail(ErrorCode::kTimeout, "no answer from the lease server at " + url);
  }
  if (!*answered) return fail_with(answered->error());
  return {};
}

}  // namespace culvert::cli
