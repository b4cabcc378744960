// Lists of requests, devices and nodes, a page at a time; of states: states.cpp.
#include <algorithm>

#include "coordinator/core/impl.hpp"

namespace culvert::coordinator {
namespace {

std::string describe(const trust::RequestState& state) {
  std::string out(trust::phase_name(state.phase));
  if (state.phase == trust::RequestPhase::kPending) {
    out += " needs vendor=" + std::to_string(state.vendor_missing);
    out += " customer=" + std::to_string(state.customer_missing);
  }
  if (state.obstacle) out += " (" + state.obstacle->message.substr(0, 400) + ")";
  return out;
}

}  // namespace

Result<control::Message> Core::Impl::list(Now now, const Connection& connection,
                                          const control::List& question) const {
  const auto sees = sight(connection);
  Pages pages(question.page);
  pages.add_notes(ledger_.evidence().chain_notes());
  if (question.what == control::ListWhat::kDevices) {
    if (!sees.admission) return fail(ErrorCode::kDenied, "a device-admission key must be proven");
    list_devices(now, question, pages);
  } else {
    if (!sees.any()) return fail(ErrorCode::kDenied, "an approver's key must be proven");
    if (question.what == control::ListWhat::kStates) {
      list_states(now, sees, question, pages);
    } else if (question.what == control::ListWhat::kNodes) {
      list_nodes(now, sees, question, pages);
    } else {
      list_requests(now, sees, question, pages);
    }
  }
  auto reply = pages.take();
  reply.re = question.id;
  return reply;
}

void Core::Impl::list_devices(Now now, const control::List&, Pages& pages) const {
  const auto& evidence = ledger_.evidence();
  for (const auto& [identity, waiting] : waiting_) {
    if (waiting.node.expires <= now.wall) continue;
    if (!pages.entry(at('1', identity.hex()), {}, waiting.note, "WAITING")) return;
  }
  for (const auto& node : evidence.nodes(now)) {
    const auto* note = evidence.node_note(node.identity);
    if (node.kind != trust::NodeKind::kDevice || note == nullptr) continue;
    if (!pages.entry(at('2', node.identity.hex()), {}, *note, "ADMITTED")) return;
  }
}

// The agents of the sites that the proven keys see. Each entry has the time at which the agent's
// present statement arrived, so that nobody adds an agent unseen.
void Core::Impl::list_nodes(Now now, const Sight& sees, const control::List& question,
                            Pages& pages) const {
  const auto& evidence = ledger_.evidence();
  for (const auto& node : evidence.nodes(now)) {
    const auto* note = evidence.node_note(node.identity);
    if (node.kind != trust::NodeKind::kAgent || note == nullptr) continue;
    if (!sees.sees(node.site.id)) continue;
    if (question.site && node.site.name.str() != *question.site) continue;
    const auto place = at('1', node.identity.hex());
    if (pages.passed(place)) continue;  // before its supporting notes are collected
    auto notes = evidence.chain_notes(node.site.id);
    for (auto& each : evidence.agent_notes(node.identity)) notes.push_back(std::move(each));
    const auto* held = ledger_.find(note::hash(*note));
    const auto since = held == nullptr ? now.wall : held->arrived;
    if (!pages.entry(place, notes, *note, "since " + format_time(since))) return;
  }
  // An enrolled node keeps its name and its place in the list, also when none of its statements is
  // in force.
  for (const auto& site : evidence.sites()) {
    if (!sees.sees(site.id) || (question.site && site.name.str() != *question.site)) continue;
    auto notes = evidence.chain_notes(site.id);
    const auto all = evidence.enrolled_notes(site.id);  // in the order of their hashes
    for (const auto& note : all) {
      if (trust::kind_of(note.text) != trust::Kind::kEnrolled) notes.push_back(note);
    }
    for (const auto& note : all) {
      if (trust::kind_of(note.text) != trust::Kind::kEnrolled) continue;
      const auto place = at('2', site.id.hex() + note::hash(note).hex());
      if (pages.passed(place)) continue;
      auto with = notes;
      with.push_back(note);
      if (!pages.entry(place, with, note, "enrolled")) return;
    }
  }
}

// Requests that wait for signatures come first. If the documents of a site do not fit into one
// answer, only the entries of that site are left out.
void Core::Impl::list_requests(Now now, const Sight& sees, const control::List& question,
                               Pages& pages) const {
  const auto& evidence = ledger_.evidence();
  for (const bool pending : {true, false}) {
    for (const auto& id : evidence.grants()) {
      const auto* grant = evidence.grant(id);
      const auto* note = evidence.grant_note(id);
      if (grant == nullptr || note == nullptr || !sees.sees(grant->site.id)) continue;
      if (question.site && grant->site.name.str() != *question.site) continue;
      const auto state = evidence.state(now, id);
      if (!is_unfinished(state.phase)) continue;
      if ((state.phase == trust::RequestPhase::kPending) != pending) continue;
      const auto place = at(pending ? '1' : '2', id.str());
      if (pages.passed(place)) continue;  // before its supporting notes are collected
      if (!pages.entry(place, evidence.supporting_notes(id), *note, describe(state))) return;
    }
  }
}

}  // namespace culvert::coordinator
