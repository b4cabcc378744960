#include "agent/access/enrol.hpp"

#include <algorithm>

#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

using trust::NodeKind;

constexpr std::string_view kNewKeys = "keys-new";  // keys of a start that has not ended

// The notes in the token must lead to the pin before anything is written.
Status check_bundle(Now now, trust::Evidence& evidence, const trust::Token& token) {
  const auto results = evidence.offer_all(now, token.notes);
  const auto refused = std::find_if(results.begin(), results.end(),
                                    [](const auto& result) { return !result.has_value(); });
  const std::string first = refused == results.end() ? "" : ": " + refused->error().message;
  if (evidence.vendor_root() == nullptr) {
    return fail(ErrorCode::kUnverified, "the token's vendor root does not verify" + first);
  }
  if (token.kind == NodeKind::kDevice) return {};
  if (evidence.site_root(trust::to_site_id(token.pin)) == nullptr) {
    return fail(ErrorCode::kUnverified,
                "the token's site root does not lead to the pinned hash" + first);
  }
  return {};
}

Status check_own(Now now, trust::Evidence& evidence, const OwnNotes& own) {
  if (!own.enrolled) return {};  // a device waits for its admission
  for (const note::Note& note : {*own.enrolled, own.node}) {
    const auto taken = evidence.offer(now, note);
    if (taken) continue;
    return fail(taken.error().code,
                "the token does not enrol this agent: " + taken.error().message + clock_says(now));
  }
  return {};
}

Result<trust::Evidence> recall(Now now, Memory& memory, const Origin& origin) {
  auto floors = memory.floors();
  if (!floors) return fail_with(floors.error());
  auto notes = memory.notes();
  if (!notes) return fail_with(notes.error());
  trust::Evidence evidence(origin.pins(), std::move(*floors), memory.boot());
  evidence.offer_all(now, *notes);  // a note that does not verify any more is not known
  return evidence;
}

Result<std::optional<OwnNotes>> recall_own(Memory& memory) {
  auto notes = memory.own("node");
  if (!notes) return fail_with(notes.error());
  if (notes->empty()) return std::optional<OwnNotes>();
  OwnNotes own{std::move((*notes)[0]), std::nullopt, std::nullopt};
  if (notes->size() > 2) {
    own.enrolment = std::move((*notes)[1]);
    own.enrolled = std::move((*notes)[2]);
  }
  return std::optional<OwnNotes>(std::move(own));
}

Status save_own(Memory& memory, const OwnNotes& own) {
  std::vector<note::Note> notes{own.node};
  if (own.enrolled) notes.insert(notes.end(), {*own.enrolment, *own.enrolled});
  return memory.save_own("node", notes);
}

Status check_stores(const Options& options, bool site_present, bool identity_present) {
  if (identity_present && !site_present) {
    return fail(ErrorCode::kDenied,
                "this node has an identity but the site store is gone, and with it what may not be "
                "forgotten: restore it from its backup, or start with an empty --state folder and "
                "a new token (culvert up --state DIR --token-file FILE)");
  }
  if (!identity_present && !options.token) {
    const std::string missing = options.missing_token.empty()
                                    ? ""
                                    : "; the file " + options.missing_token + " is not there";
    return fail(ErrorCode::kInvalid,
                "this agent is new here and needs a token: culvert up --token-file FILE" + missing);
  }
  return {};
}

Status check_origin(const Options& options, const Origin& origin) {
  if (origin.kind != kind_of(options.role)) {
    return fail(ErrorCode::kConflict, "the state folder belongs to the other kind of agent");
  }
  if (options.pinned_root && *options.pinned_root != origin.pin) {
    return fail(ErrorCode::kConflict, "the state folder belongs to another site root (" +
                                          trust::format_hash(origin.pin.view()) +
                                          ") than --root-hash");
  }
  return {};
}

Result<Beginning> finish(NodeKeys keys, Origin origin, trust::Evidence evidence, OwnNotes own) {
  auto node = trust::Node::parse(own.node.text);
  if (!node) return fail_with(node.error());
  return Beginning{std::move(keys), std::move(origin), std::move(evidence),
                   OwnStatement{std::move(*node), std::move(own.node), std::move(own.enrolment),
                                std::move(own.enrolled)}};
}

// The keys of a new node are durable before they sign anything. So a start that was cut short goes
// on with the same identity, and takes one place of its enrolment only.
Result<NodeKeys> new_keys(Memory& memory, Rng& rng) {
  auto begun = load_keys(memory.node_store(), kNewKeys);
  if (!begun) return fail_with(begun.error());
  if (*begun) return std::move(**begun);
  auto keys = NodeKeys::generate(rng);
  if (auto ok = save_keys(memory.node_store(), keys, kNewKeys); !ok) return fail_with(ok.error());
  return keys;
}

Status settle_keys(Memory& memory, const NodeKeys& keys) {
  if (auto ok = save_keys(memory.node_store(), keys); !ok) return ok;
  return memory.node_store().remove(kNewKeys);
}

Status save_all(Memory& memory, const trust::Evidence& evidence, const Origin& origin,
                const OwnNotes& own) {
  if (auto ok = memory.save(evidence.floors()); !ok) return ok;
  if (auto ok = memory.save(evidence.notes()); !ok) return ok;
  if (auto ok = memory.save(origin); !ok) return ok;
  return save_own(memory, own);
}

// A start with a token: of a new node, or of a known node that gets its next statement.
Result<Beginning> with_token(Now now, const Options& options, Memory& memory,
                             std::optional<NodeKeys> known, const std::optional<Origin>& before,
                             Rng& rng) {
  auto token = read_token(options);
  if (!token) return fail_with(token.error());
  if (before && before->pin != token->pin) {
    return fail(ErrorCode::kConflict,
                "the token is for another site or vendor than this state folder");
  }
  trust::Node next;
  if (auto old = recall_own(memory); old && *old && known) {
    if (const auto node = trust::Node::parse((*old)->node.text)) {
      next.serial = node->serial + 1;
      next.name = node->name;
    }
  }
  const Origin origin{token->kind, token->pin, token->coordinators};
  auto evidence = recall(now, memory, origin);
  if (!evidence) return fail_with(evidence.error());
  if (auto ok = check_bundle(now, *evidence, *token); !ok) return fail_with(ok.error());
  const bool is_new = !known;
  auto keys = known ? Result<NodeKeys>(std::move(*known)) : new_keys(memory, rng);
  if (!keys) return fail_with(keys.error());
  auto own = make_own(now, options, *token, *keys, std::move(next),
                      trust::device_life(evidence->vendor_root()));
  if (!own) return fail_with(own.error());
  if (auto ok = check_own(now, *evidence, *own); !ok) return fail_with(ok.error());
  if (auto ok = save_all(memory, *evidence, origin, *own); !ok) return fail_with(ok.error());
  if (is_new) {  // last: a store with an identity has everything else
    if (auto ok = settle_keys(memory, *keys); !ok) return fail_with(ok.error());
  }
  return finish(std::move(*keys), origin, std::move(*evidence), std::move(*own));
}

// False: the present statement rests on this token already, so the token adds nothing.
bool token_is_news(Now now, const Options& options, const Origin& origin, const OwnNotes& own) {
  if (!options.token) return false;
  const auto token = trust::Token::parse(*options.token);
  if (!token) return true;  // with_token() says what is wrong
  if (options.role == Role::kDevice) {
    const auto last = trust::Node::parse(own.node.text);
    return token->pin != origin.pin || !last || last->person != token->person ||
           last->groups != token->groups;
  }
  if (!own.enrolment) return true;
  const auto enrolment = find_enrolment(now, *token);
  if (enrolment) return note::hash(*enrolment) != note::hash(*own.enrolment);
  // An old token is no harm while this agent renews itself.
  const auto rests_on = trust::Enrolment::parse(own.enrolment->text);
  return !rests_on || rests_on->renew_until <= now.wall;
}

}  // namespace

Result<Who> who_is(const std::optional<std::string>& token_file, Memory& memory) {
  if (token_file) {
    auto token = trust::Token::parse(*token_file);
    if (!token)
      return fail(ErrorCode::kInvalid, "the token is not usable: " + token.error().message);
    if (token->kind == NodeKind::kDevice) return Who{Role::kDevice, {}};
    for (const note::Note& note : token->notes) {
      const auto enrolment = trust::Enrolment::parse(note.text);
      if (enrolment) return Who{Role::kSite, enrolment->site.name.str()};
    }
    return fail(ErrorCode::kInvalid, "the token holds no enrolment: ask for a new one");
  }
  auto own = recall_own(memory);
  if (!own) return fail_with(own.error());
  const auto node = *own ? trust::Node::parse((*own)->node.text)
                         : Result<trust::Node>(fail(ErrorCode::kNotFound, ""));
  if (!node) return Who{};  // begin() says what is missing
  return node->kind == NodeKind::kAgent ? Who{Role::kSite, node->site.name.str()} : Who{};
}

Result<Beginning> begin(const Options& options, Memory& memory, Rng& rng, Now now) {
  auto origin = memory.origin();
  if (!origin) return fail_with(origin.error());
  auto keys = load_keys(memory.node_store());
  if (!keys) return fail_with(keys.error());
  if (auto ok = check_stores(options, origin->has_value(), keys->has_value()); !ok) {
    return fail_with(ok.error());
  }
  if (*origin) {
    if (auto ok = check_origin(options, **origin); !ok) return fail_with(ok.error());
  }
  if (!*keys) return with_token(now, options, memory, std::nullopt, *origin, rng);
  auto own = recall_own(memory);
  if (!own) return fail_with(own.error());
  if (!*own || token_is_news(now, options, **origin, **own)) {
    if (!options.token) return fail(ErrorCode::kInvalid, "the node statement is gone: use a token");
    return with_token(now, options, memory, std::move(*keys), *origin, rng);
  }
  auto evidence = recall(now, memory, **origin);
  if (!evidence) return fail_with(evidence.error());
  return finish(std::move(**keys), std::move(**origin), std::move(*evidence), std::move(**own));
}

}  // namespace culvert::agent
