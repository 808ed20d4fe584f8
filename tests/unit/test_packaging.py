"""What the packages are made of: manual pages and completions that know every option, locks, one version."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

import pytest

import adpersist
from adpersist.cli.app import COMMANDS
from tools.packaging import completions, debian, locking, manual
from tools.packaging.words import REPOSITORY, Words, all_words

WORDS = all_words()
SAMPLE = (REPOSITORY / "samples/adpersist.toml").read_text(encoding="utf-8")
PAGES = manual.pages(WORDS, version="1.2.3", date=0.0, sample=SAMPLE)


def page_of(words: Words) -> str:
    return PAGES["-".join(["adpersist", *words.name.split()]) + ".1"]


def test_init_writes_what_the_sample_says() -> None:
    assert resources.files("adpersist").joinpath("adpersist.toml").read_text(encoding="utf-8") == SAMPLE


def test_every_command_has_a_page_that_names_every_option() -> None:
    assert {each.name for each in WORDS.commands} == set(COMMANDS)
    for each in WORDS.walk():
        page = page_of(each).replace(r"\-", "-")
        assert all(name in page for option in each.options for name in option.names), each.name
        assert all(each.help for each in each.options), each.name


@pytest.mark.parametrize("script", ["preinst", "prerm"])
def test_no_unit_runs_on_from_files_that_are_gone(script: str) -> None:
    """Neither through an upgrade, nor after a removal."""
    units = {each.name for each in (REPOSITORY / "samples/systemd").glob("*.service")}
    said = (REPOSITORY / "tools/packaging/scripts" / script).read_text(encoding="utf-8")
    assert set(re.findall(r"adpersist[a-z-]*\.service", said)) == units


def test_every_page_is_drawn_without_a_complaint() -> None:
    for name, page in PAGES.items():
        drawn = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", "-P-cbou"],
            input=page, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert not drawn.stderr, name
        assert "NAME" in drawn.stdout, name


def test_no_line_of_a_page_is_taken_for_a_request_that_it_is_not() -> None:
    known = {"TH", "SH", "TP", "PP", "nf", "fi"}
    for name, page in PAGES.items():
        requests = {line[1:].split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
        assert requests <= known, name


def test_what_roff_would_read_otherwise_is_escaped() -> None:
    assert manual.escaped(".a\\b -c") == r"\&.a\eb \-c"
    assert manual.escaped("'quoted") == r"\&'quoted"


def completed(place: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    script = place / "adpersist"
    script.write_text(completions.bash(WORDS), encoding="utf-8")
    line = " ".join(f"'{word}'" for word in words)
    program = (
        f'source "{script}"; COMP_WORDS=(adpersist {line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _adpersist; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-euc", program], capture_output=True, text=True, timeout=60, check=True, cwd=place)
    assert not done.stderr
    return set(done.stdout.split())


def test_bash_completes_commands_options_choices_and_files(tmp_path: Path) -> None:
    assert completed(tmp_path, "") == set(COMMANDS)
    assert completed(tmp_path, "che") == {"check", "checkpoint"}
    assert completed(tmp_path, "guard", "--on-c") == {"--on-conflict"}
    assert completed(tmp_path, "guard", "--on-revert", "") == {"restore", "report"}
    assert completed(tmp_path, "--config", "x", "guard", "--on-revert", "rest") == {"restore"}
    for group in ("key", "image"):
        below = {each.name.split()[1] for each in WORDS.walk() if each.name.startswith(f"{group} ")}
        assert below
        assert completed(tmp_path, group, "") == below
    assert "--new-key-file" in completed(tmp_path, "key", "rotate", "--new")
    assert completed(tmp_path, "status", "--config", "adp") == {"adpersist"}
    assert completed(tmp_path, "boot", "--", "sam") == set()
    for each in WORDS.walk():
        offered = completed(tmp_path, *each.name.split(), "-")
        assert offered == {*(name for option in each.options for name in option.names), "--help"}


def test_zsh_and_fish_know_every_command_and_option() -> None:
    zsh, fish = completions.zsh(WORDS), completions.fish(WORDS)
    for each in WORDS.walk():
        last = each.name.rpartition(" ")[2]
        assert not last or re.search(rf"^ +'{re.escape(last)}:", zsh, re.MULTILINE)
        assert not last or re.search(rf"-a {re.escape(last)} -d ", fish)
        for option in each.options:
            for name in option.names:
                assert f"'{name}[" in zsh
                assert (f"-l {name[2:]} " if name.startswith("--") else f"-s {name[1:]}") in fish
    assert all(text.count("'") % 2 == 0 for text in (zsh, fish))


@pytest.mark.parametrize("python", locking.PYTHONS)
def test_a_lock_holds_every_dependency_with_its_hash(python: str) -> None:
    lines = [line for line in locking.lock_file(python).read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9_.-]+==[a-z0-9.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (each for extra in locking.EXTRAS for each in project["optional-dependencies"][extra])
    wanted = {re.split(r"[<>=\[ ]", each)[0].lower().replace("_", "-") for each in (*project["dependencies"], *extras)}
    assert wanted <= {line.partition("==")[0].replace("_", "-") for line in lines}


@pytest.mark.parametrize("python", locking.PYTHONS)
def test_setup_installs_what_is_locked_in_the_package_s_versions(python: str) -> None:
    lines = [line for line in locking.tools_lock_file(python).read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9_.-]+==[a-z0-9.]+( --hash=sha256:[0-9a-f]{64})+", line) for line in lines)
    pins = locking.pins(locking.tools_lock_file(python))
    assert set(locking.pins(locking.lock_file(python))) <= set(pins), "what is tested is what is in the package"
    names = {pin.partition("==")[0].replace("_", "-") for pin in pins}
    assert len(names) == len(lines), "one version of each"
    whole = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    extras = whole["project"]["optional-dependencies"]
    wanted = {*whole["project"]["dependencies"], *(each for extra in extras for each in extras[extra])}
    [kerberos] = locking.pins(locking.KERBEROS_LOCK)
    named = {re.split(r"[<>=\[ ]", each)[0].lower().replace("_", "-") for each in wanted}
    assert {*named, "setuptools"} <= {*names, kerberos.partition("==")[0]}


def test_setup_takes_nothing_from_the_index_without_its_hash() -> None:
    for script in ("setup", "package", "demo", "test"):
        text = (REPOSITORY / "tools" / script).read_text(encoding="utf-8")
        for line in text.splitlines():
            if "pip install" in line and "install_locked" not in line and not line.lstrip().startswith(("#", '".venv')):
                assert "--no-deps" in line, f"tools/{script}: {line}"
            if "install_locked " in line:
                assert ("--require-hashes" in line) != ("--no-index" in line), line
            if re.match(r"\s*npm ", line):
                assert line.split()[:2] == ["npm", "ci"], f"only `npm ci` takes what the lock says alone: {line}"


@pytest.mark.parametrize("package", locking.NODE_PACKAGES)
def test_all_that_is_taken_for_node_has_its_hash(package: str) -> None:
    packages = json.loads(locking.node_lock_file(package).read_text(encoding="utf-8"))["packages"]
    (named,) = packages.pop("")["dependencies"].items()
    setup = (REPOSITORY / "tools" / "setup").read_text(encoding="utf-8")
    assert f"readonly {locking.NODE_PACKAGES[package]}={named[1]}\n" in setup
    assert named == (package, packages[f"node_modules/{package}"]["version"])
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())


def test_this_environment_is_what_is_locked() -> None:
    """Where tools/setup made it: what runs here is what the lock says, to the version."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = dict(pin.split("==") for pin in locking.pins(locking.tools_lock_file(python)))
    for name in ("cryptography", "ldap3", "azure-data-tables", "msgpack", "zstandard", "pydantic", "ruff", "mypy"):
        assert importlib.metadata.version(name) == pins[name]


def test_what_a_unit_starts_has_its_libraries_in_the_package() -> None:
    """The console's unit is in the package, so its extra is."""
    assert (REPOSITORY / "samples/systemd/adpersist-console.service").exists()
    assert set(locking.EXTRAS) >= {"azure", "console", "vault"}


def test_the_version_stands_in_one_place() -> None:
    whole = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert whole["project"]["dynamic"] == ["version"]
    assert whole["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "adpersist.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", adpersist.__version__)
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changes, re.MULTILINE)
    assert released[0] == adpersist.__version__


def test_debians_own_parser_reads_the_news_of_a_version_that_was_released() -> None:
    parsed = subprocess.run(
        ["dpkg-parsechangelog", "--all", "--file", str(debian.NEWS), "--format", "rfc822"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert not parsed.stderr
    versions = re.findall(r"^Version: (.*)$", parsed.stdout, re.MULTILINE)
    assert versions
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert all(f"\n## [{each}] - " in changes for each in versions)
