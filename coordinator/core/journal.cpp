#include "coordinator/core/journal.hpp"

#include <algorithm>

#include "coordinator/core/limits.hpp"

namespace culvert::coordinator {
namespace {

std::vector<trust::Person> added(const std::vector<trust::Person>& before,
                                 const std::vector<trust::Person>& after) {
  std::vector<trust::Person> out;
  for (const auto& person : after) {
    if (std::find(before.begin(), before.end(), person) == before.end()) out.push_back(person);
  }
  return out;
}

// What a verified revocation ends, in the words of its text, and the reason.
std::string ended_by(const note::Note& note) {
  constexpr std::string_view kField = "\nrevokes: ";
  const auto revocation = trust::Revocation::parse(note.text);
  const auto at = note.text.find(kField);
  if (!revocation || at == std::string::npos) return {};
  const auto begin = at + kField.size();
  return note.text.substr(begin, note.text.find('\n', begin) - begin) + ": " + revocation->reason;
}

audit::Entry entry_of(Now now, audit::Kind kind, const trust::Node& node) {
  audit::Entry entry;
  entry.at = now.wall;
  entry.kind = kind;
  entry.who = node.person.empty() ? node.name.str() : node.person.str();
  entry.device = crypto::format_ed25519(node.identity);
  entry.site = node.site.name.str();
  return entry;
}

}  // namespace

void Journal::enrolled(Now now, const trust::Node& node) {
  auto entry = entry_of(now, audit::Kind::kNodeAdmitted, node);
  entry.outcome = "enrolled";
  ledger_.journal(std::move(entry));
}

void Journal::connected(Now now, const trust::Node& node, const std::string& from) {
  if (connected_.size() >= kMaxConnectedLines) {
    std::erase_if(connected_,
                  [&](const auto& line) { return line.second + kQuietConnect <= now.wall; });
  }
  auto& line = connected_[node.identity];
  if (line + kQuietConnect > now.wall) return;
  line = now.wall;
  auto entry = entry_of(now, audit::Kind::kAgentStart, node);
  entry.outcome = "connected";
  entry.detail = from;
  ledger_.journal(std::move(entry));
}

void Journal::alarm(Now now, const trust::Node& node, std::string detail) {
  auto entry = entry_of(now, audit::Kind::kAlarm, node);
  entry.detail = std::move(detail);
  ledger_.journal(std::move(entry));
}

void Journal::leased(Now now, const trust::Node& agent, const trust::Grant& grant) {
  write(now, audit::Kind::kGrantActive, agent.name.str(), &grant, "leased", "");
}

void Journal::write(Now now, audit::Kind kind, std::string who, const trust::Grant* grant,
                    std::string_view outcome, std::string_view detail, std::string site) {
  audit::Entry entry;
  entry.at = now.wall;
  entry.kind = kind;
  entry.who = std::move(who);
  entry.outcome = outcome;
  entry.detail = detail;
  entry.site = std::move(site);
  if (grant != nullptr) {
    entry.device = crypto::format_ed25519(grant->device);
    entry.site = grant->site.name.str();
    entry.grant = grant->id.str();
    entry.service = grant->service.str();
  }
  ledger_.journal(std::move(entry));
}

// Whose verified signature ended the access. A line of an unknown key may name anybody.
std::string Journal::signer_of(const note::Note& note, const trust::Change& change,
                               const trust::Grant* grant) const {
  const auto& evidence = ledger_.evidence();
  std::vector<note::KnownKey> known;
  const auto add = [&](const trust::Root* root) {
    if (root == nullptr) return;
    const auto keys = root->known_keys();
    known.insert(known.end(), keys.begin(), keys.end());
  };
  add(evidence.vendor_root());
  for (const auto& site : evidence.sites()) {
    if (!change.site || *change.site == site.id) add(evidence.site_root(site.id));
  }
  if (grant != nullptr) known.push_back({grant->requester.str(), grant->device});
  const auto signers = note::verify(note, known);
  return signers && !signers->empty() ? signers->front().name : std::string();
}

// The name of the site that a revocation concerns; empty: the vendor. A key concerns the site whose
// root lists it, unless the vendor's root lists it too.
std::string Journal::site_of(const trust::Revocation& revocation) const {
  if (revocation.site) return revocation.site->name.str();
  const auto& evidence = ledger_.evidence();
  const auto lists = [&](const trust::Root* root) {
    return root != nullptr && root->lists(revocation.key);
  };
  if (revocation.what != trust::Revokes::kKey || lists(evidence.vendor_root())) return {};
  for (const auto& site : evidence.sites()) {
    if (lists(evidence.site_root(site.id))) return site.name.str();
  }
  return {};
}

void Journal::change(Now now, const std::optional<trust::Node>& by, const trust::Change& change,
                     const trust::RequestState& before) {
  const auto& evidence = ledger_.evidence();
  const auto* held = change.grant ? evidence.grant(*change.grant) : nullptr;
  const std::optional<trust::Grant> grant = held ? std::optional(*held) : std::nullopt;
  const auto* subject = grant ? &*grant : nullptr;
  if (change.kind == trust::ChangeKind::kGrant && grant) {
    const auto after = evidence.state(now, grant->id);
    const auto phase = trust::phase_name(after.phase);
    if (by && by->identity == grant->device) {
      write(now, audit::Kind::kRequest, grant->requester.str(), subject, phase, grant->reason);
    }
    for (const auto& person : added(before.vendor, after.vendor)) {
      write(now, audit::Kind::kApproval, person.str(), subject, phase, "vendor");
    }
    for (const auto& person : added(before.customer, after.customer)) {
      write(now, audit::Kind::kApproval, person.str(), subject, phase, "customer");
    }
    return;
  }
  if (change.kind == trust::ChangeKind::kRevocation) {
    const auto* found = ledger_.find(change.statement);
    const auto note = found ? note::parse(found->note) : Result<note::Note>(note::Note{});
    const auto signer = note ? signer_of(*note, change, subject) : std::string();
    const auto phase = grant ? trust::phase_name(evidence.state(now, grant->id).phase) : "revoked";
    const auto ends = note ? trust::Revocation::parse(note->text)
                           : Result<trust::Revocation>(trust::Revocation{});
    const auto site = ends ? site_of(*ends) : std::string();
    if (subject != nullptr) {
      return write(now, audit::Kind::kRevocation, signer, subject, phase, "", site);
    }
    audit::Entry entry;
    entry.at = now.wall;
    entry.kind = audit::Kind::kRevocation;
    entry.who = signer;
    entry.site = site;
    entry.outcome = phase;
    if (note) entry.detail = ended_by(*note);
    if (change.identity) entry.device = crypto::format_ed25519(*change.identity);
    ledger_.journal(std::move(entry));
    return;
  }
  if (change.kind == trust::ChangeKind::kNode && change.identity) {
    const auto* node = evidence.node(now, *change.identity);
    if (node == nullptr) return;
    const auto who = node->person.empty() ? node->name.str() : node->person.str();
    const auto detail = crypto::format_ed25519(node->identity);
    write(now, audit::Kind::kNodeAdmitted, who, nullptr, "admitted", detail, node->site.name.str());
  }
}

}  // namespace culvert::coordinator
