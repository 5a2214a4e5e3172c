#!/usr/bin/env bash
# Makes sure that there is what the tests of the web pages need: Node 20 or later and Chromium. Installs Debian's Chromium where it may,
# and otherwise says what is missing: the tests are never left out.
set -euo pipefail

if ! command -v npm >/dev/null || [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -lt 20 ]; then
	echo "The tests of the web pages need Node 20 or later with npm. Install it, and run make test again." >&2
	exit 1
fi
for browser in "${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome /usr/bin/google-chrome-stable; do
	if [ -n "$browser" ] && [ -x "$browser" ]; then
		exit 0
	fi
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "installing Debian's chromium for the tests of the web pages"
	apt-get install -qq -y chromium >/dev/null || { apt-get update -qq && apt-get install -qq -y chromium >/dev/null; }
	exit 0
fi
echo "The tests of the web pages need Chromium. Install it (Debian: apt-get install chromium), or name the program with CHROMIUM." >&2
exit 1
