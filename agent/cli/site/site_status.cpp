// `culvert site status`: which documents each agent of the site knows, according to the agent's
// signed state.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/cli/people/session.hpp"
#include "agent/cli/people/statement.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/site_state.hpp"

namespace culvert::cli {
namespace {

constexpr std::chrono::seconds kKnownFor{600};  // an older state is shown as "unknown"

using nlohmann::json;

// The newest state of each agent with the agent's own valid signature.
std::map<trust::IdentityKey, trust::SiteState> verified(const std::vector<control::Listed>& listed,
                                                        const trust::SiteId& site, WallTime now) {
  std::map<trust::IdentityKey, trust::SiteState> out;
  for (const auto& entry : listed) {
    const auto note = note::parse(entry.note);
    if (!note) continue;
    auto state = trust::SiteState::parse(note->text);
    if (!state || state->site.id != site || state->issued > now + trust::kIssuedSkew) continue;
    const note::KnownKey own{"agent", state->agent};
    const auto signers = note::verify(*note, std::span(&own, 1));
    // Only the key of a signature line counts, not its name.
    if (!signers || signers->empty()) continue;
    auto& held = out[state->agent];
    if (held.issued <= state->issued) held = std::move(*state);
  }
  return out;
}

// Offers the folder's revocations to the evidence and returns those that the coordinator does not
// list. Notes that are no valid revocations are ignored.
std::vector<note::Note> offer_revocations(const std::vector<control::Listed>& listed,
                                          trust::Evidence& evidence, const trust::SiteId& site,
                                          Now now) {
  auto lacking = evidence.revocation_notes(site);
  for (const auto& entry : listed) {
    if (entry.state != "REVOCATION") continue;
    const auto note = note::parse(entry.note);
    if (!note) continue;
    (void)evidence.offer(now, *note);
    std::erase_if(lacking, [&](const note::Note& held) { return held.text == note->text; });
  }
  return lacking;
}

// A revocation in one line for people: what it ends, and since when.
std::string describe(const note::Note& note) {
  const auto revocation = trust::Revocation::parse(note.text);
  if (!revocation) return text_hash(note);
  const auto begin = note.text.find("\nrevokes: ") + std::string_view("\nrevokes: ").size();
  return note.text.substr(begin, note.text.find('\n', begin) - begin) + ", issued " +
         format_time(revocation->issued);
}

std::string compare(const trust::DocumentMark& said, const trust::DocumentMark& known) {
  if (said == known) return "current";
  if (said.number > known.number) return "newer than here";
  return said.number == known.number ? "another text" : "behind";
}

json mark(const trust::DocumentMark& said, const trust::DocumentMark& known) {
  return {{"number", said.number},
          {"hash", trust::format_hash(said.hash.view())},
          {"compared", compare(said, known)}};
}

json row_of(const trust::Node& node, const trust::SiteState* state,
            const trust::KnownDocuments& known, const trust::DocumentMark& revocations,
            std::uint64_t missing_below, WallTime now) {
  json row = {{"name", node.name.str()}, {"identity", crypto::format_ed25519(node.identity)}};
  const auto age = state == nullptr ? kKnownFor : std::max(now - state->issued, 0s);
  row["state"] = state == nullptr || age >= kKnownFor ? "unknown" : "known";
  if (state == nullptr) return row;
  row["issued"] = format_time(state->issued);
  row["age_seconds"] = age.count();
  row["vendor_root"] = mark(state->vendor_root, known.vendor_root);
  row["site_root"] = mark(state->site_root, known.site_root);
  row["policy"] = mark(state->policy, known.policy);
  // Agents forget revocations at different times, so a different digest alone is no fault.
  row["revocations"] = {
      {"number", state->revocations.number},
      {"hash", trust::format_hash(state->revocations.hash.view())},
      {"same_as_here", state->revocations == revocations},
      {"compared", state->revocations.number < missing_below ? "behind" : "current"}};
  return row;
}

std::string shown(const json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end()) return "-";
  const auto text = std::to_string(found->value("number", 0ULL));
  const auto compared = found->value("compared", "current");
  return compared == "current" ? text : yellow(text + " (" + compared + ")");
}

void print_rows(const json& agents, const trust::KnownDocuments& known,
                const std::vector<note::Note>& lacking, const ByKey& by) {
  for (const auto& note : lacking) {
    print(yellow("behind: ") + "the coordinator lacks the revocation of " + describe(note));
  }
  if (!lacking.empty()) {
    const auto bundle = std::filesystem::path(by.key_file).parent_path() / kRevocationsBundle;
    hint_next("culvert publish " + bundle.string() + " --key " + by.key_file);
  }
  print("known here: vendor root " + std::to_string(known.vendor_root.number) + ", site root " +
        std::to_string(known.site_root.number) + ", policy " + std::to_string(known.policy.number));
  std::vector<Row> rows;
  for (const auto& row : agents) {
    const bool is_known = row.value("state", "") == "known";
    const auto age = row.contains("age_seconds")
                         ? format_duration(std::chrono::seconds(row["age_seconds"].get<int>()))
                         : std::string("never");
    rows.push_back({bold(row.value("name", "")), is_known ? age : yellow("unknown (" + age + ")"),
                    shown(row, "vendor_root"), shown(row, "site_root"), shown(row, "policy"),
                    shown(row, "revocations")});
  }
  if (rows.empty()) return print("no agent of the site is known");
  print_table({"AGENT", "SAID", "VENDOR ROOT", "SITE ROOT", "POLICY", "REVOCATIONS"}, rows);
}

}  // namespace

Status site_status(const Common& common, const ByKey& by) {
  auto session = Session::open(by);
  if (!session) return fail_with(session.error());
  if ((*session)->key().root != trust::RootKind::kSite) {
    return fail(ErrorCode::kDenied, "a key of the site's own root is needed: --key FILE");
  }
  const auto listed = (*session)->list(control::ListWhat::kStates);
  if (!listed) return fail_with(listed.error());
  const auto now = (*session)->now();
  const auto id = trust::to_site_id((*session)->key().pin);
  const auto lacking = offer_revocations(*listed, (*session)->evidence(), id, now);
  const auto& evidence = (*session)->evidence();
  const auto known = evidence.documents(id);
  const auto revocations = evidence.revocations(id);
  const auto states = verified(*listed, id, now.wall);
  auto agents = json::array();
  for (const auto& node : evidence.nodes(now)) {
    if (node.kind != trust::NodeKind::kAgent || node.site.id != id) continue;
    const auto state = states.find(node.identity);
    agents.push_back(row_of(node, state == states.end() ? nullptr : &state->second, known,
                            revocations, lacking.empty() ? 0 : revocations.number, now.wall));
  }
  auto lacks = json::array();
  for (const auto& note : lacking) {
    lacks.push_back({{"hash", text_hash(note)}, {"revokes", describe(note)}});
  }
  if (common.json) {
    print(json({{"agents", agents},
                {"vendor_root", known.vendor_root.number},
                {"site_root", known.site_root.number},
                {"policy", known.policy.number},
                {"coordinator_lacks", lacks}})
              .dump());
    return {};
  }
  print_rows(agents, known, lacking, by);
  return {};
}

}  // namespace culvert::cli
