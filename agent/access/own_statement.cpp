#include "agent/access/own_statement.hpp"

#include <algorithm>

#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {
namespace {

using trust::NodeKind;

Result<trust::Label> node_name(const Options& options) {
  auto name = trust::Label::parse(options.name);
  if (!name) {
    return fail(ErrorCode::kInvalid, "\"" + options.name +
                                         "\" cannot name a node: lower-case letters, digits and "
                                         "hyphens (set \"name\" in the configuration)");
  }
  return *name;
}

// An enrolment for one node names the node; an enrolment for several nodes leaves the name to each.
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

// The one-time key signs this note and nothing else.
Result<note::Note> sign_enrolled(Now now, const note::Note& enrolment_note,
                                 const trust::Enrolment& enrolment, const trust::Label& name,
                                 const crypto::Secret32& secret, const NodeKeys& keys) {
  const trust::Enrolled enrolled{enrolment.site, note::hash(enrolment_note),
                                 keys.identity.public_key(), name, now.wall};
  const auto one_time = crypto::SigningKey::from_seed(secret.clone());
  const trust::Signer signers[] = {{name.str(), keys.identity},
                                   {name.str() + "-enrolment", one_time}};
  return trust::sign_statement(enrolled, signers);
}

Result<note::Note> sign_agent(Now now, trust::Node node, const NodeKeys& keys) {
  node.kind = NodeKind::kAgent;
  node.issued = now.wall;
  node.expires = now.wall + trust::kMaxAgentLife;
  keys.name_in(node);
  return trust::sign_statement(node, trust::Signer{node.name.str(), keys.identity});
}

Result<note::Note> sign_device(Now now, trust::Node node, const NodeKeys& keys,
                               std::chrono::seconds life) {
  node.kind = NodeKind::kDevice;
  node.issued = now.wall;
  node.expires = now.wall + life;
  keys.name_in(node);
  return trust::sign_statement(node, trust::Signer{node.name.str(), keys.identity});
}

Result<OwnNotes> make_agent(Now now, const Options& options, const trust::Token& token,
                            const NodeKeys& keys, trust::Node node) {
  auto enrolment_note = find_enrolment(now, token);
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
  // This machine's clock may be behind the clock of the machine that made the token.
  now.wall = std::max(now.wall, enrolment->not_before);
  auto enrolled = sign_enrolled(now, *enrolment_note, *enrolment, *name, token.secret, keys);
  if (!enrolled) return fail_with(enrolled.error());
  node.name = *name;
  node.site = enrolment->site;
  node.enrolled = note::hash(*enrolled);
  node.tags = enrolment->tags;
  auto own = sign_agent(now, std::move(node), keys);
  if (!own) return fail_with(own.error());
  return OwnNotes{std::move(*own), std::move(*enrolment_note), std::move(*enrolled)};
}

}  // namespace

NodeKind kind_of(Role role) { return role == Role::kSite ? NodeKind::kAgent : NodeKind::kDevice; }

std::string clock_says(Now now) {
  return " (this machine's clock says " + format_time(now.wall) + ")";
}

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

Result<note::Note> find_enrolment(Now now, const trust::Token& token) {
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

Result<OwnNotes> make_own(Now now, const Options& options, const trust::Token& token,
                          const NodeKeys& keys, trust::Node node,
                          std::chrono::seconds device_life) {
  if (token.kind == NodeKind::kAgent) {
    return make_agent(now, options, token, keys, std::move(node));
  }
  auto name = node_name(options);
  if (!name) return fail_with(name.error());
  node.name = *name;
  node.vendor_id = trust::to_vendor_id(token.pin);
  node.person = token.person;
  node.groups = token.groups;
  auto own = sign_device(now, std::move(node), keys, device_life);
  if (!own) return fail_with(own.error());
  return OwnNotes{std::move(*own), std::nullopt, std::nullopt};
}

Result<note::Note> renew_device(Now now, const trust::Node& last, const NodeKeys& keys,
                                std::chrono::seconds life) {
  trust::Node node = last;
  ++node.serial;
  return sign_device(now, std::move(node), keys, life);
}

Result<note::Note> renew_agent(Now now, const trust::Node& last, const NodeKeys& keys) {
  trust::Node node = last;
  ++node.serial;
  return sign_agent(now, std::move(node), keys);
}

}  // namespace culvert::agent
