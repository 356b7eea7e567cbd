# SPDX-License-Identifier: MIT
# GNU Make and pkg-config; everything made goes under $(BUILD).
#   make            the commands            make check       all tests
#   make install    DESTDIR= PREFIX=        make check-asan  all tests under ASan and UBSan
#   make demo       share/demo.sh           make lint        compilers, clang-tidy, shellcheck, mandoc, clang-format
#   make bench      all of tests/bench      make fuzz        tests/fuzz, FUZZ_SECONDS each
#   make dist       $(BUILD)/evt-*.tar.gz   make distcheck   unpack it, build, unit tests, install
#   make deb        $(BUILD)/deb/evt_*.deb  make reproducible  two builds must be the same bytes
#   make check-unit the unit tests          make controls    broken programs must fail the tests
#   make check-package, check-systemd        the package, installed; its units under a live systemd (root, debootstrap)
#   make uninstall  DESTDIR= PREFIX=        make help        this list

VERSION  = 0.1.0
PREFIX  ?= /usr/local
DOCDIR  ?= $(PREFIX)/share/doc/evt
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
BUILD   ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
WERROR  ?=

PACKAGES = sqlite3 jansson libcurl nettle hogweed libpcre2-8 zlib

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef
# A packager's flags may say another level of _FORTIFY_SOURCE.
HARDEN   = $(if $(findstring _FORTIFY_SOURCE,$(CFLAGS) $(CPPFLAGS)),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fstack-clash-protection -fPIE
EVT_CPPFLAGS = -std=c11 -D_GNU_SOURCE -DEVT_VERSION='"$(VERSION)"' -Ilib -I$(BUILD)/gen -MMD -MP \
           $(shell pkg-config --cflags $(PACKAGES)) $(CPPFLAGS)
# No folder of the builder's in what is built: the same source gives the same bytes.
SAMEPATHS = '-ffile-prefix-map=$(BUILD)/=build/' '-ffile-prefix-map=$(CURDIR)=.'
EVT_CFLAGS   = $(SAMEPATHS) $(WARNINGS) $(WERROR) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer,$(HARDEN)) $(CFLAGS)
EVT_LDFLAGS  = -pie -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
EVT_LIBS     = $(shell pkg-config --libs $(PACKAGES)) -lpthread

LIB_SRC    = $(sort $(wildcard lib/*.c))
LIB_OBJ    = $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
LIBEVT     = $(BUILD)/libevt.a
BINARIES   = $(patsubst cmd/%.c,$(BUILD)/%,$(sort $(wildcard cmd/*.c)))
UNIT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
PRELOADED  = tests/tools/escape.c tests/tools/fault.c
TEST_TOOLS = $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(sort $(filter-out $(PRELOADED),$(wildcard tests/tools/*.c)))) \
             $(if $(SANITIZE),,$(if $(filter Linux,$(shell uname -s)),$(PRELOADED:tests/tools/%.c=$(BUILD)/tests/%.so)))
BENCHES    = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
MIGRATIONS = $(sort $(wildcard share/sql/*.sql))
PAGE_FILES = share/page/style.css share/page/script.js
MAN_PAGES  = $(sort $(wildcard man/*.[1-8]))
EXAMPLES   = $(sort $(shell find share/examples -type f))

all: $(BINARIES)

help:
	@sed -n '/^$$/q; s/^#   //p' $(firstword $(MAKEFILE_LIST))

.PHONY: all check check-unit check-asan check-package check-systemd controls lint bench fuzz demo help install uninstall dist distcheck deb reproducible clean test-programs
.DELETE_ON_ERROR:
.SECONDARY:

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(EVT_CPPFLAGS) $(EVT_CFLAGS) -c -o $@ $<

$(LIBEVT): $(LIB_OBJ)
	rm -f $@
	$(AR) rcs $@ $(LIB_OBJ)

$(BUILD)/evt-%: $(BUILD)/obj/cmd/evt-%.o $(LIBEVT)
	$(CC) $(EVT_LDFLAGS) -o $@ $^ $(EVT_LIBS)

# inetd starts evt-receive for each request, and to map five libraries more, and find their functions, takes a fifth of what that does: it has
# them inside of it where all their archives are. make RECEIVE_ARCHIVES= leaves them where the system mends them.
RECEIVE_ARCHIVES = $(filter /%,$(foreach name,sqlite3 jansson hogweed nettle gmp z,$(shell $(CC) -print-file-name=lib$(name).a)))
# Relocations in a hundredth of the bytes, where the linker makes these without a word and what it makes runs here.
PACKED = -Wl,-z,pack-relative-relocs
RELR = $(eval RELR := $(shell said=$$(echo 'int main(void) { return 0; }' | $(CC) -x c -fPIE -pie $(PACKED) -o $(BUILD)/relr - 2>&1) && \
           [ -z "$$said" ] && $(BUILD)/relr && echo $(PACKED); rm -f $(BUILD)/relr))$(RELR)
ifeq ($(words $(RECEIVE_ARCHIVES)),6)
$(BUILD)/evt-receive: EVT_LIBS = $(RECEIVE_ARCHIVES) -lm -lpthread
$(BUILD)/evt-receive: EVT_LDFLAGS += $(RELR)

# What it is measured against, likewise.
BENCHES += $(BUILD)/bench/one_row
$(BUILD)/bench/one_row: $(BUILD)/obj/tests/tools/one_row.o
	@mkdir -p $(@D)
	$(CC) $(EVT_LDFLAGS) $(RELR) -o $@ $^ $(RECEIVE_ARCHIVES) -lm -lpthread
endif

# The migrations, compiled in as text: one array of bytes a file, in the order of their numbers.
$(BUILD)/gen/migrations.h: $(MIGRATIONS) share/embed.sh
	@mkdir -p $(@D)
	sh share/embed.sh migrations $(MIGRATIONS) > $@
$(BUILD)/obj/lib/journal.o: $(BUILD)/gen/migrations.h

# What evt-status puts into its page, likewise.
$(BUILD)/gen/page_files.h: $(PAGE_FILES) share/embed.sh
	@mkdir -p $(@D)
	sh share/embed.sh page_files $(PAGE_FILES) > $@
$(BUILD)/obj/lib/page.o: $(BUILD)/gen/page_files.h

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(LIBEVT)
	@mkdir -p $(@D)
	$(CC) $(EVT_LDFLAGS) -o $@ $^ $(EVT_LIBS) $(shell pkg-config --libs cmocka)

$(BUILD)/tests/%: $(BUILD)/obj/tests/tools/%.o $(LIBEVT)
	@mkdir -p $(@D)
	$(CC) $(EVT_LDFLAGS) -o $@ $^ $(EVT_LIBS)

# The scripted destination is a server of another make than ours, so that the two do not share their mistakes.
$(BUILD)/tests/destination: EVT_LIBS += $(shell pkg-config --libs libmicrohttpd libcrypto)
$(BUILD)/tests/relay: EVT_LIBS += $(shell pkg-config --libs libssl libcrypto)

# For LD_PRELOAD: one takes the place of the functions that _FORTIFY_SOURCE would wrap.
$(BUILD)/tests/%.so: tests/tools/%.c
	@mkdir -p $(@D)
	$(CC) $(EVT_CPPFLAGS) $(WARNINGS) $(WERROR) $(CFLAGS) -U_FORTIFY_SOURCE -fPIC -shared $(LDFLAGS) -o $@ $<

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(LIBEVT)
	@mkdir -p $(@D)
	$(CC) $(EVT_LDFLAGS) -o $@ $^ $(EVT_LIBS)

test-programs: all $(UNIT_TESTS) $(TEST_TOOLS)

# tests/run-suite runs every unit test and bats file it is given and closes with a count.
check: test-programs
	BUILD=$(BUILD) sh tests/run-suite

check-unit: $(UNIT_TESTS)
	for test in $(UNIT_TESTS); do $$test >$$test.log 2>&1 || { cat $$test.log; exit 1; }; done

check-asan:
	$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined CFLAGS='-O1 -g -fno-sanitize-recover=all' check

check-package: deb
	BUILD=$(BUILD) sh tests/package.sh

check-systemd: deb
	BUILD=$(BUILD) sh tests/systemd.sh

# Programs that break a promise must fail the tests of that promise.
controls: test-programs
	BUILD=$(BUILD) sh tests/controls.sh

lint:
	sh tests/lint.sh

bench: all $(BENCHES) $(TEST_TOOLS)
	BUILD=$(BUILD) sh tests/bench/run.sh

fuzz:
	BUILD=$(BUILD) sh tests/fuzz/run.sh

demo: all $(TEST_TOOLS)
	sh share/demo.sh

# What names a place says the one that it is installed in.
RELOCATE = sed -e 's,/usr/local,$(PREFIX),g' -e 's,/usr/bin:/usr/bin,/usr/bin,'

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/evt/,sql dashboard)
	install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(MIGRATIONS) $(DESTDIR)$(PREFIX)/share/evt/sql
	install -m 644 share/dashboard/evt.json $(DESTDIR)$(PREFIX)/share/evt/dashboard
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions fish/vendor_completions.d) $(DESTDIR)$(ZSHDIR)
	install -m 644 share/completions/evt.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/evt
	install -m 644 share/completions/evt.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/evt.fish
	for command in $(notdir $(BINARIES)); do \
		ln -sf evt $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$command || exit 1; \
		ln -sf evt.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$command.fish || exit 1; \
	done
	install -m 644 share/completions/_evt $(DESTDIR)$(ZSHDIR)
	install -d $(DESTDIR)$(DOCDIR)
	install -m 644 README.md SECURITY.md $(DESTDIR)$(DOCDIR)
	for file in $(EXAMPLES); do \
		to=$(DESTDIR)$(DOCDIR)/$${file#share/}; \
		install -d $${to%/*} && $(RELOCATE) $$file >$$to && chmod 644 $$to || exit 1; \
	done
	for page in $(MAN_PAGES); do \
		to=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
		install -d $${to%/*} && $(RELOCATE) $$page >$$to && chmod 644 $$to || exit 1; \
	done

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(BINARIES)))
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/evt $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/evt.fish
	for command in $(notdir $(BINARIES)); do \
		rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$command || exit 1; \
		rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$command.fish || exit 1; \
	done
	rm -f $(DESTDIR)$(ZSHDIR)/_evt
	for page in $(notdir $(MAN_PAGES)); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page || exit 1; done
	rm -rf $(DESTDIR)$(PREFIX)/share/evt $(DESTDIR)$(DOCDIR)

dist:
	BUILD=$(BUILD) VERSION=$(VERSION) sh share/dist.sh

distcheck: dist
	sh tests/distcheck.sh $(BUILD)/evt-$(VERSION).tar.gz

deb:
	BUILD=$(BUILD) VERSION=$(VERSION) sh share/deb.sh

reproducible:
	sh tests/reproducible.sh

clean:
	rm -rf $(BUILD)

-include $(LIB_OBJ:.o=.d) $(wildcard $(BUILD)/obj/cmd/*.d $(BUILD)/obj/tests/*/*.d)
