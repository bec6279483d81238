// Package compat runs the clients that users have, unmodified, against the real binary on both kinds of storage:
// huggingface_hub with its command line and Xet, transformers, datasets and @huggingface/hub in their newest versions, and
// older ones of huggingface_hub and hf_xet. The clients' own scripts lie in python, versions and js; the Go tests here start the hub, hand each script its address and a
// token, and report every test of a script as a subtest. A real Chromium meets the
// pages, and axe-core holds them to WCAG 2.2 AA. test/setup.sh installs the clients.
package compat
