#include "agent/access/enrol.hpp"

#include <algorithm>

#include "proto/trust/sign.hpp"

namespace culvert::agent {
namespace {

using trust::NodeKind;

constexpr std::string_view kNewKeys = "keys-new";  // of a start that has not ended

NodeKind kind_of(Role role) { return role == Role::kSite ? NodeKind::kAgent : NodeKind::kDevice; }

std::string clock_says(Now now) {
  return " (this machine's clock says " + format_time(now.wall) + ")";
}

// The token, checked against the role and the pin; nothing of it is believed yet but the pin.
Result<trust::Token> read_token(const Options& options) {
  auto token = trust::Token::parse(*options.token);
  if (!token) {
    return fail(ErrorCode::kInvalid,
                "the token is not usable: " + token.error().message + " (ask for the file again)");
  }
  if (token->kind != kind_of(options.role)) {
    return fail(ErrorCode::kInvalid, token->kind == NodeKind::kAgent
                                         ? "this token is for a site's agent, not for a laptop"
                                         : "this token is for a laptop, not for a site's agent");
  }
  if (token->kind == NodeKind::kAgent) {
    if (!options.pinned_root) {
      return fail(
          ErrorCode::kInvalid,
          "a site's agent needs the pinned root hash (--root-hash), from who made the site");
    }
    if (*options.pinned_root != token->pin) {
      return fail(ErrorCode::kUnverified,
                  "the token is for another site root (" + trust::format_hash(token->pin.view()) +
                      ") than the pinned hash: do not go on, ask who gave you the token");
    }
  }
  return token;
}

Result<note::Note> find_enrolment(const trust::Token& token, Now now) {
  const auto secret = crypto::SigningKey::from_seed(token.secret.clone());
  for (const note::Note& note : token.notes) {
    if (trust::kind_of(note.text) != trust::Kind::kEnrolment) continue;
    auto enrolment = trust::Enrolment::parse(note.text);
    if (!enrolment || enrolment->key != secret.public_key()) continue;
    if (enrolment->not_after <= now.wall) {
      return fail(ErrorCode::kStale, "the token expired at " + format_time(enrolment->not_after) +
                                         clock_says(now) + ": ask for a new one");
    }
    if (enrolment->not_before > now.wall + trust::kIssuedSkew) {
      return fail(ErrorCode::kStale, "the token is valid from " +
                                         format_time(enrolment->not_before) + clock_says(now) +
                                         ": set the clock");
    }
    return note;
  }
  return fail(ErrorCode::kInvalid, "the token holds no enrolment for its key: ask for a new one");
}

Result<trust::Label> node_name(const Options& options) {
  auto name = trust::Label::parse(options.name);
  if (!name) {
    return fail(ErrorCode::kInvalid, "\"" + options.name +
                                         "\" cannot name a node: lower-case letters, digits and "
                                         "hyphens (set \"name\" in the configuration)");
  }
  return *name;
}

// Its name: the enrolment's for one node; this node's own for one of several.
Result<trust::Label> agent_name(const Options& options, const trust::Enrolment& enrolment) {
  if (enrolment.nodes == 1) return enrolment.name;
  auto name = node_name(options);
  if (!name || enrolment.names(*name)) return name;
  const auto& first = enrolment.name.str();
  return fail(ErrorCode::kInvalid, "the token is for the nodes " + first + "-0 to " + first + "-" +
                                       std::to_string(enrolment.nodes - 1) + ", not for " +
                                       name->str() +
                                       " (set \"name\" in the configuration, or --name)");
}

// The one time that the one-time key signs.
Result<note::Note> sign_enrolled(const note::Note& enrolment_note,
                                 const trust::Enrolment& enrolment, const trust::Label& name,
                                 const crypto::Secret32& secret, const NodeKeys& keys, Now now) {
  const trust::Enrolled enrolled{enrolment.site, note::hash(enrolment_note),
                                 keys.identity.public_key(), name, now.wall};
  const auto one_time = crypto::SigningKey::from_seed(secret.clone());
  const trust::Signer signers[] = {{name.str(), keys.identity},
                                   {name.str() + "-enrolment", one_time}};
  return trust::sign_statement(enrolled, signers);
}

Result<note::Note> sign_agent(trust::Node node, const NodeKeys& keys, Now now) {
  node.kind = NodeKind::kAgent;
  node.issued = now.wall;
  node.expires = now.wall + trust::kMaxAgentLife;
  keys.name_in(node);
  return trust::sign_statement(node, trust::Signer{node.name.str(), keys.identity});
}

Result<note::Note> sign_device(trust::Node node, const NodeKeys& keys, std::chrono::seconds life,
                               Now now) {
  node.kind = NodeKind::kDevice;
  node.issued = now.wall;
  node.expires = now.wall + life;
  keys.name_in(node);
  return trust::sign_statement(node, trust::Signer{node.name.str(), keys.identity});
}

struct Own {
  note::Note node;
  std::optional<note::Note> enrolment, enrolled;  // of an agent
};

Result<Own> make_agent(const Options& options, const trust::Token& token, const NodeKeys& keys,
                       trust::Node node, Now now) {
  auto enrolment_note = find_enrolment(token, now);
  if (!enrolment_note) return fail_with(enrolment_note.error());
  const auto enrolment = trust::Enrolment::parse(enrolment_note->text);
  if (!enrolment) return fail_with(enrolment.error());
  const auto name = agent_name(options, *enrolment);
  if (!name) return fail_with(name.error());
  if (!node.name.empty() && node.name != *name) {
    return fail(ErrorCode::kConflict, "this agent is " + node.name.str() +
                                          " and the token is for " + name->str() +
                                          ": start with an empty --state folder for another name");
  }
  // The clock may be behind the one that made the token.
  now.wall = std::max(now.wall, enrolment->not_before);
  auto enrolled = sign_enrolled(*enrolment_note, *enrolment, *name, token.secret, keys, now);
  if (!enrolled) return fail_with(enrolled.error());
  node.name = *name;
  node.site = enrolment->site;
  node.enrolled = note::hash(*enrolled);
  node.tags = enrolment->tags;
  auto own = sign_agent(std::move(node), keys, now);
  if (!own) return fail_with(own.error());
  return Own{std::move(*own), std::move(*enrolment_note), std::move(*enrolled)};
}

// A first statement of this node, or the next one with a fresh token; `node` has the serial and, of
// a known agent, the name.
Result<Own> make_own(const Options& options, const trust::Token& token, const NodeKeys& keys,
                     trust::Node node, std::chrono::seconds device_life, Now now) {
  if (token.kind == NodeKind::kAgent) {
    return make_agent(options, token, keys, std::move(node), now);
  }
  auto name = node_name(options);
  if (!name) return fail_with(name.error());
  node.name = *name;
  node.vendor_id = trust::to_vendor_id(token.pin);
  node.person = token.person;
  node.groups = token.groups;
  auto own = sign_device(std::move(node), keys, device_life, now);
  if (!own) return fail_with(own.error());
  return Own{std::move(*own), std::nullopt, std::nullopt};
}

// What the token vouches for must hold together before anything is written.
Status check_bundle(trust::Evidence& evidence, const trust::Token& token, Now now) {
  const auto results = evidence.offer_all(token.notes, now);
  std::string first;
  for (const auto& result : results) {
    if (!result && first.empty()) first = ": " + result.error().message;
  }
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

Status check_own(trust::Evidence& evidence, const Own& own, Now now) {
  if (!own.enrolled) return {};  // a device waits for its admission
  for (const note::Note& note : {*own.enrolled, own.node}) {
    const auto taken = evidence.offer(note, now);
    if (taken) continue;
    return fail(taken.error().code,
                "the token does not enrol this agent: " + taken.error().message + clock_says(now));
  }
  return {};
}

Result<trust::Evidence> recall(Memory& memory, const Origin& origin, Now now) {
  auto floors = memory.floors();
  if (!floors) return fail_with(floors.error());
  auto notes = memory.notes();
  if (!notes) return fail_with(notes.error());
  trust::Evidence evidence(origin.pins(), std::move(*floors), memory.boot());
  evidence.offer_all(*notes, now);  // what does not verify any more is simply not known
  return evidence;
}

Result<std::optional<Own>> recall_own(Memory& memory) {
  auto notes = memory.own("node");
  if (!notes) return fail_with(notes.error());
  if (notes->empty()) return std::optional<Own>();
  Own own{std::move((*notes)[0]), std::nullopt, std::nullopt};
  if (notes->size() > 2) {
    own.enrolment = std::move((*notes)[1]);
    own.enrolled = std::move((*notes)[2]);
  }
  return std::optional<Own>(std::move(own));
}

Status save_own(Memory& memory, const Own& own) {
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
    return fail(ErrorCode::kInvalid,
                "this agent is new here and needs a token: culvert up --token-file FILE");
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

Result<Beginning> finish(NodeKeys keys, Origin origin, trust::Evidence evidence, Own own) {
  auto node = trust::Node::parse(own.node.text);
  if (!node) return fail_with(node.error());
  return Beginning{std::move(keys),        std::move(origin),   std::move(evidence),
                   std::move(*node),       std::move(own.node), std::move(own.enrolment),
                   std::move(own.enrolled)};
}

// The keys of a new node are durable before anything is signed with them: a start that was cut
// short goes on with the same identity, and takes one place of its enrolment only.
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
                const Own& own) {
  if (auto ok = memory.save(evidence.floors()); !ok) return ok;
  if (auto ok = memory.save(evidence.notes()); !ok) return ok;
  if (auto ok = memory.save(origin); !ok) return ok;
  return save_own(memory, own);
}

// With a token: a new node, or the next statement of a known one.
Result<Beginning> with_token(const Options& options, Memory& memory, std::optional<NodeKeys> known,
                             const std::optional<Origin>& before, Rng& rng, Now now) {
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
  auto evidence = recall(memory, origin, now);
  if (!evidence) return fail_with(evidence.error());
  if (auto ok = check_bundle(*evidence, *token, now); !ok) return fail_with(ok.error());
  const bool is_new = !known;
  auto keys = known ? Result<NodeKeys>(std::move(*known)) : new_keys(memory, rng);
  if (!keys) return fail_with(keys.error());
  auto own = make_own(options, *token, *keys, std::move(next),
                      trust::device_life(evidence->vendor_root()), now);
  if (!own) return fail_with(own.error());
  if (auto ok = check_own(*evidence, *own, now); !ok) return fail_with(ok.error());
  if (auto ok = save_all(memory, *evidence, origin, *own); !ok) return fail_with(ok.error());
  if (is_new) {  // last: an identity means that everything else is there
    if (auto ok = settle_keys(memory, *keys); !ok) return fail_with(ok.error());
  }
  return finish(std::move(*keys), origin, std::move(*evidence), std::move(*own));
}

// A token that the present statement already rests on adds nothing; it is left aside.
bool token_is_news(const Options& options, const Origin& origin, const Own& own, Now now) {
  if (!options.token) return false;
  const auto token = trust::Token::parse(*options.token);
  if (!token) return true;  // with_token says what is wrong
  if (options.role == Role::kDevice) {
    const auto last = trust::Node::parse(own.node.text);
    return token->pin != origin.pin || !last || last->person != token->person ||
           last->groups != token->groups;
  }
  if (!own.enrolment) return true;
  const auto enrolment = find_enrolment(*token, now);
  if (enrolment) return note::hash(*enrolment) != note::hash(*own.enrolment);
  // An old token is no harm while this agent renews itself.
  const auto rests_on = trust::Enrolment::parse(own.enrolment->text);
  return !rests_on || rests_on->renew_until <= now.wall;
}

}  // namespace

Result<note::Note> renew_device(const trust::Node& last, const NodeKeys& keys,
                                std::chrono::seconds life, Now now) {
  trust::Node node = last;
  ++node.serial;
  return sign_device(std::move(node), keys, life, now);
}

Result<note::Note> renew_agent(const trust::Node& last, const NodeKeys& keys, Now now) {
  trust::Node node = last;
  ++node.serial;
  return sign_agent(std::move(node), keys, now);
}

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
  if (!*keys) return with_token(options, memory, std::nullopt, *origin, rng, now);
  auto own = recall_own(memory);
  if (!own) return fail_with(own.error());
  if (!*own || token_is_news(options, **origin, **own, now)) {
    if (!options.token) return fail(ErrorCode::kInvalid, "the node statement is gone: use a token");
    return with_token(options, memory, std::move(*keys), *origin, rng, now);
  }
  auto evidence = recall(memory, **origin, now);
  if (!evidence) return fail_with(evidence.error());
  return finish(std::move(**keys), std::move(**origin), std::move(*evidence), std::move(**own));
}

}  // namespace culvert::agent
