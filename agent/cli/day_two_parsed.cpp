// The command line of day two (day_two/commands.hpp).
#include "agent/cli/parsed.hpp"

namespace culvert::cli {
namespace {

void add_folder(CLI::App* command, Work& work) {
  command
      ->add_option("--dir", work.folder,
                   "folder with the bundles (default: that of the key, the draft, or this)")
      ->type_name("DIR");
}

void add_coordinator(CLI::App* command, Work& work) {
  command->add_flag("--publish", work.publish, "hand it in to the coordinator when it is complete");
  command->add_option("--coordinator", work.coordinator, "URL of the coordinator that gets it")
      ->type_name("URL");
}

CLI::Option* add_key(CLI::App* command, Work& work) {
  return command->add_option("--key", work.key, "key file of the person who signs")
      ->type_name("FILE");
}

void add_draft(CLI::App* command, Work& work) {
  command->add_option("--file", work.file, "the draft (default: in the folder)")->type_name("FILE");
  command->add_flag("--new", work.anew, "start anew; an old draft is kept as FILE.old");
}

void add_signing(CLI::App* parent, Parsed& p, const char* help) {
  auto* sign = parent->add_subcommand("sign", help);
  sign->add_option("FILE", p.work.file, "the draft")->type_name("FILE")->required();
  add_key(sign, p.work)->required();
  add_folder(sign, p.work);
  add_coordinator(sign, p.work);
  on_run(sign, p, [&p] { return sign_file(p.common, p.work); });
}

void add_reason(CLI::App* command, Ending& ending) {
  command->add_option("--reason", ending.reason, "why, for the audit log")->default_val("revoked");
}

using RootCommand = Status (*)(const Common&, const RootWork&);

CLI::App* add_root_command(CLI::App* root, Parsed& p, trust::RootKind kind, const char* name,
                           const char* help, RootCommand act) {
  auto* command = root->add_subcommand(name, help);
  add_folder(command, p.root);
  if (act != root_show) {
    add_draft(command, p.root);
    add_key(command, p.root);
    add_coordinator(command, p.root);
    command->add_option("--expires", p.root.life, "how long the epoch lasts (default: 365d)")
        ->type_name("TIME");
    command->add_flag("--cut", p.root.cut, "also where statements end by it");
  }
  on_run(command, p, [&p, kind, act] {
    p.root.kind = kind;
    return act(p.common, p.root);
  });
  return command;
}

void add_root_keys(CLI::App* root, Parsed& p, trust::RootKind kind) {
  auto* add = add_root_command(root, p, kind, "add-key", "draft: one key more", root_add_key);
  add->add_option("KEY", p.root.subject, "a file from culvert key new, or ed25519:…")->required();
  add->add_option("--person", p.root.person, "of a bare key: its person, user@domain");
  auto* remove = add_root_command(root, p, kind, "remove-key", "draft: keys away", root_remove_key);
  remove->add_option("KEY", p.root.subject, "a key, its file, or a person with all keys")
      ->required();
  for (auto* command : {add, remove}) {
    command->add_option("--group", p.root.group, "root, approvers, enrolment, lease, …");
  }
}

}  // namespace

void add_root(CLI::App* parent, Parsed& p, trust::RootKind kind) {
  auto* root = parent->add_subcommand("root", "the next epoch of the root, signed through files");
  root->require_subcommand(1);
  add_root_command(root, p, kind, "show", "the root in force", root_show);
  add_root_keys(root, p, kind);
  auto* threshold =
      add_root_command(root, p, kind, "threshold", "draft: how many must sign", root_threshold);
  const bool site = kind == trust::RootKind::kSite;
  threshold->add_option("WHAT", p.root.what, site ? "root, approvers or vendor" : "root")
      ->required();
  threshold->add_option("N", p.root.count, "how many persons")
      ->check(CLI::Range(0, 64))
      ->required();
  add_root_command(root, p, kind, "renew", "draft: the same keys, new dates", root_renew);
  if (site) {
    auto* by =
        add_root_command(root, p, kind, "policy-by", "draft: who signs policies", root_policy_by);
    by->add_option("GROUP", p.root.what, "root or approvers")->required();
    auto* pre = add_root_command(root, p, kind, "pre-approvals",
                                 "draft: whether pre-approved lines count", root_pre_approvals);
    pre->add_option("ANSWER", p.root.what, "yes or no")
        ->check(CLI::IsMember({"yes", "no"}))
        ->required();
  }
  add_signing(root, p, "sign a draft; a complete one goes into the bundle");
}

void add_policy(CLI::App& app, Parsed& p) {
  auto* policy = app.add_subcommand("policy", "a site's policy: show, edit, check, diff, sign");
  policy->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, auto act, bool file) {
    auto* command = policy->add_subcommand(name, help);
    add_folder(command, p.policy);
    if (file) {
      command->add_option("FILE", p.policy.file, "the draft (default: policy.draft in the folder)")
          ->type_name("FILE");
    }
    on_run(command, p, [&p, act] { return act(p.common, p.policy); });
    return command;
  };
  add("show", "the policy in force", policy_show, false);
  auto* edit = add("edit", "a draft of the next one, in $EDITOR on a terminal", policy_edit, true);
  auto* renew =
      add("renew", "the same policy with new dates; with --key signed", policy_renew, true);
  for (auto* command : {edit, renew}) {
    command->add_flag("--new", p.policy.anew, "start anew; an old draft is kept as FILE.old");
    command
        ->add_option("--expires", p.policy.life,
                     "how long it lasts (default: 90d signed by approvers, 365d by the root)")
        ->type_name("TIME");
  }
  add_key(renew, p.policy);
  add_coordinator(renew, p.policy);
  auto* check =
      add("check", "errors of a draft, and lines that give no access", policy_check, true);
  check->add_option("--group", p.policy.groups, "a group that the vendor gives to persons; repeat");
  check->add_flag("--sort", p.policy.sort, "sort the lines of the draft first");
  add("diff", "the lines that differ from the policy in force", policy_diff, true);
  add_signing(policy, p, "sign a draft; a complete one goes into the bundle");
}

void add_endings(CLI::App* site, Parsed& p) {
  auto* node = site->add_subcommand("revoke-node", "end an agent for ever; approvers, by a file");
  node->add_option("NODE", p.ending.subject, "its name or identity, ed25519:…");
  node->add_option("--file", p.ending.file, "where signatures are collected")->type_name("FILE");
  auto* token =
      site->add_subcommand("revoke-token", "end a token with all that it enrolled (enrolment key)");
  token->add_option("TOKEN", p.ending.subject, "its file, or the enrolment's hash, sha256:…")
      ->required();
  for (auto* command : {node, token}) {
    add_key(command, p.ending)->required();
    add_folder(command, p.ending);
    add_coordinator(command, p.ending);
    add_reason(command, p.ending);
    command->add_flag("--unknown", p.ending.unknown,
                      "even if neither folder nor coordinator knows it");
  }
  on_run(node, p, [&p] { return revoke_node(p.common, p.ending); });
  on_run(token, p, [&p] { return revoke_token(p.common, p.ending); });
}

void add_keys(CLI::App& app, Parsed& p) {
  auto* keys = app.add_subcommand("key", "a person's key: new, public, suspend");
  keys->require_subcommand(1);
  auto* make = keys->add_subcommand("new", "a key for one more person; root add-key lists it");
  make->add_option("FILE", p.new_key.out, "new key file; FILE.pub gets the public line")
      ->type_name("FILE")
      ->required();
  make->add_option("--bundle", p.new_key.bundle, "site.bundle or vendor.bundle of the root")
      ->type_name("FILE")
      ->required();
  make->add_option("--root-hash", p.new_key.root_hash, "hash of its first root, out of band")
      ->required();
  make->add_option("--group", p.new_key.group, "root, approvers, enrolment, lease, …")->required();
  make->add_option("--person", p.new_key.person, "whose it is, user@domain")->required();
  on_run(make, p, [&p] { return new_key(p.common, p.new_key); });
  auto* shown = keys->add_subcommand("public", "the public line of a key file");
  add_key(shown, p.work)->required();
  on_run(shown, p, [&p] { return show_public_key(p.common, p.work.key); });
  auto* suspend = keys->add_subcommand("suspend", "end one's own key for ever, in every root");
  add_key(suspend, p.ending)->required();
  add_folder(suspend, p.ending);
  add_coordinator(suspend, p.ending);
  add_reason(suspend, p.ending);
  suspend->add_flag("--freeze", p.ending.freeze, "even if nobody is left to sign the next root");
  suspend->add_flag("--cut", p.ending.cut, "also where too few approvers are left for new access");
  on_run(suspend, p, [&p] { return suspend_own_key(p.common, p.ending); });
}

void add_carrying(CLI::App& app, Parsed& p) {
  auto* take = app.add_subcommand("take", "verify statements, and keep them in a folder's bundles");
  auto* publish = app.add_subcommand("publish", "as take, then hand in to the coordinator");
  for (auto* command : {take, publish}) {
    command->add_option("FILE", p.files, "notes or bundles")->type_name("FILE")->required();
    add_folder(command, p.work);
  }
  add_key(publish, p.work)->required();
  publish->add_option("--coordinator", p.work.coordinator, "URL of another coordinator")
      ->type_name("URL");
  on_run(take, p, [&p] { return take_files(p.common, p.work, p.files); });
  on_run(publish, p, [&p] { return publish_files(p.common, p.work, p.files); });
}

}  // namespace culvert::cli
