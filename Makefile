# Plumbline. `make demo` shows a grade, `make check` runs the tests, `make help` lists the rest.

CC       = cc
OBJCOPY  = objcopy
PYTHON   = python3
BLAS     = openblas
ARCH     = $(if $(wildcard .git),-march=native)
OPTIMIZE = -O3
SANITIZE =
BUILD    = build
AT_ONCE  = -j$(shell nproc)
GUIDED   =

# ---------------------------------------------------------------- nothing to change below

# ARCH: in a checkout, tuned for this machine. An unpacked archive is built for every machine of its kind; OpenBLAS,
# where the time goes, chooses its kernels when it runs.

# Never -ffast-math: NaN must stay visible, and sums keep their order. -fopenmp-simd lets marked loops be vectorised and
# starts no threads; the two -fno- flags give up errno and floating-point exceptions, which nobody reads, and no value.
# What a sanitizer or a coverage counter adds to a marked loop keeps clang from vectorising it, which is no fault there.
CFLAGS   = -std=gnu11 $(OPTIMIZE) -g $(ARCH) -fopenmp-simd -ffp-contract=off -fno-math-errno -fno-trapping-math \
           -Wall -Wextra $(HARDEN) $(SANITIZE) $(if $(SANITIZE),-Wno-pass-failed)
# What makes a mistake in a reader of files end the program and no more. FORTIFY needs an optimiser, and hides from
# sanitizers what they look for.
HARDEN   = -fPIE -fstack-protector-strong \
           $(if $(SANITIZE)$(filter -O0,$(OPTIMIZE)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
# Readers of strangers' files convert no number unseen.
READERS  = $(addprefix ref/,checkpoint/% audio/riff audio/wav image/png%) \
           $(addprefix conformance/,dump/% names/% pictures/% submission/%)
LDFLAGS  = -pie -Wl,-z,relro,-z,now,-z,noexecstack
CPPFLAGS = -D_GNU_SOURCE -Iref -Iconformance -Itools -Iref/tests -MMD -MP
# BLAS is a library with cblas, or words for the linker: openblas, blis, blas, mkl_rt, "-L/opt/lib -lblis-mt".
LDLIBS   = $(or $(filter -%,$(BLAS)),-l$(BLAS)) -ljansson -lpng -lsndfile -lzip -lcrypto -lm $(SECCOMP) $(ARGP)
# Where it is, the sandbox takes the network away too.
SECCOMP := $(shell pkg-config --libs libseccomp 2> /dev/null)
# argp is a library of its own, argp-standalone, where the C library is not glibc.
ARGP    := $(if $(shell getconf GNU_LIBC_VERSION 2> /dev/null),,-largp)
CHECK_LIBS = $(shell pkg-config --libs check)

REF    = $(wildcard $(addprefix ref/,*.c gemma4/*.c gemma4_unified/*.c processor/*.c image/*.c audio/*.c nn/*.c \
                    checkpoint/*.c run/*.c))
JUDGE  = $(filter-out conformance/tests/%,$(wildcard conformance/*/*.c conformance/bugs/*/*.c))
TOOL   = $(wildcard tools/command/*.c tools/report/*.c)

# Both builds of the reference, and the judge: what every program is linked from. Test programs of the double build
# take its objects as they are, because they look inside.
F32    = $(REF:%.c=$(BUILD)/f32/%.o)
F64    = $(REF:%.c=$(BUILD)/f64/%.o)
PLUMB  = $(F32) $(BUILD)/reference_f64.o $(JUDGE:%.c=$(BUILD)/f32/%.o)
CHECKS = $(addprefix $(BUILD)/,check-ref-f32 check-ref-f64 check-conformance check-plumb check-vectors)
# The paths for several processors are tested in a program that is built for all of them.
EVERY  = $(patsubst %.c,$(BUILD)/every/%.o,$(wildcard $(addprefix ref/,nn/*.c run/*.c checkpoint/*.c \
                    tests/vectors/*.c)))
HELPERS = $(addprefix $(BUILD)/f32/ref/tests/,helpers.o recording.o tiny.o tiny_weights.o pictures.o wavs.o)
VENV   = build/venv
# HF=5.23.0: check-hf with that version of transformers, in an environment of its own that sees the rest of $(VENV)
HF      =
HF_VENV = $(if $(HF),$(BUILD)/venv-transformers-$(HF),$(VENV))
# Python's modules of tools/ find each other by name.
PY     = PYTHONPATH=tools:tools/hf:tools/check_hf:tools/fixtures $(HF_VENV)/bin/python

VERSION = $(shell cat VERSION)
COMMIT  = $(shell cat COMMIT 2> /dev/null || git describe --always --dirty --abbrev=12 --exclude '*' 2> /dev/null)

all: $(BUILD)/plumb

help:
	@echo 'make            builds build/plumb'
	@echo 'make demo       grades an honest and a buggy backend; installs what is missing first'
	@echo 'make check      all tests that need no Hugging Face'
	@echo 'make check-hf   random configurations against a live Hugging Face, and make mirror; SHARES=1of4 for a part'
	@echo '                HF=5.23.0 for another version of transformers than 5.24.0'
	@echo 'make mirror     every Hugging Face module and tensor has its twin here'
	@echo 'make check-images   PNG files to pixels, against Hugging Face; part of check-hf'
	@echo 'make check-report   reports against their schemas, and the page in a browser'
	@echo 'make check-maps     the name maps of names/ and docs/names.md against their schema'
	@echo 'make check-sounds   WAV files to features, against Hugging Face; part of check-hf'
	@echo 'make check-ports  installs real ports, runs them and grades their dumps; PORT=NAME for one'
	@echo 'make check-docs every command of README.md and docs/ is run, and prints what is pasted there'
	@echo 'make site       builds README.md and docs/ into build/site/, to read in a browser'
	@echo 'make pictures   draws the pictures of docs/lessons/ anew'
	@echo 'make check-blas the tests of products with each library for BLAS= that is installed'
	@echo 'make check-quantised   quantised weights bit for bit as their libraries read them; dumps of real kernels'
	@echo 'make check-quantiser   plumb quantiser on honest files of real quantisers, and on buggy ones'
	@echo 'make bench      published sizes, against sgemm, memory bandwidth, Hugging Face and other engines'
	@echo 'make score      every known bug on every fixture: how often the judge is right; writes docs/score.md'
	@echo 'make score-weakened  bugs in parts, at half strength, and several at once; writes docs/weakened.md'
	@echo 'make check-score  half of it, against docs/score.md; EACH=1 a sixth'
	@echo 'make bench-images  a large PNG to pixels, against Pillow'
	@echo 'make fixtures   writes fixtures/ anew from Hugging Face; make mustpass its list for submissions'
	@echo 'make quantised-fixtures  writes fixtures/quantised/ anew with torchao, compressed-tensors and MLX'
	@echo 'make fuzz       libFuzzer on each reader and on the judge, SECONDS=60 each; then make fuzz-coverage'
	@echo 'make check-matrix  the suites by gcc and clang, -O0 to -O3, for every x86-64 and for this one; valgrind'
	@echo 'make faults     every malloc, open, read, write, mmap and rename of three commands fails once; MOST=100 of each'
	@echo 'make deps       installs the libraries (Debian, Fedora, Alpine, Arch); demo and check do it too'
	@echo 'make install    program, manual, completion, library and header into PREFIX; make uninstall; make check-install'
	@echo 'make wheel      the Python package, with program and libraries; make check-wheel tries it in a bare Debian'
	@echo 'make deb        Debian packages in build/deb; make check-deb tries them in a bare Debian'
	@echo 'make check-container   the steps of Containerfile, in a bare Debian'
	@echo 'make check-action      action.yml, for GitHub, as a runner runs it'
	@echo 'make dist       plumbline-VERSION.tar.gz, of what is committed'
	@echo 'make format     clang-format over all C'
	@echo 'make clean      removes build/'
	@echo 'Settings: ARCH, BLAS, OPTIMIZE, SANITIZE, CC, PYTHON, BUILD, AT_ONCE; see the head of the Makefile'

deps:
	@sh tools/make/deps.sh

demo: deps
	@sh tools/make/build.sh $(MAKE) $(AT_ONCE) all
	@sh tools/make/demo.sh $(BUILD)/plumb

check: deps
	@sh tools/make/build.sh $(MAKE) $(AT_ONCE) $(BUILD)/plumb $(BUILD)/libplumb.a $(CHECKS)
	@sh tools/make/check.sh $(BUILD)

# The longest first: two at once are then done together.
check-hf: check-configurations check-honest mirror check-images check-sounds check-fixtures

check-fixtures: $(HF_VENV)/ready
	$(PY) tools/check_hf/check_fixtures.py

# What check-configurations checks, in shares that can run beside each other: SHARES=1of4 for one of them
SHARES = 1of4 2of4 3of4 4of4

check-configurations: $(SHARES:%=check-configurations-%)

check-configurations-%: $(HF_VENV)/ready $(BUILD)/plumb $(BUILD)/nn-filter
	$(PY) tools/check_hf/check_hf.py --share $* $(BUILD)/plumb

check-honest: $(HF_VENV)/ready $(BUILD)/plumb
	$(PY) tools/check_hf/check_honest.py $(BUILD)/plumb
	$(PY) tools/check_hf/check_writers.py

# PORT: the recipes to run, all if there is none
PORT =

check-ports: $(VENV)/ready $(BUILD)/plumb
	@$(PYTHON) -B tools/make/check_ports.py $(PORT:%=--port %) $(BUILD)/plumb

check-report: $(BUILD)/plumb $(BUILD)/report-venv/ready
	$(BUILD)/report-venv/bin/python tools/check_report/check_report.py $(BUILD)/plumb

# Without a browser, so that it is quick
check-maps: $(BUILD)/plumb $(BUILD)/maps-venv/ready
	@$(BUILD)/maps-venv/bin/python -B tools/check_report/check_maps.py $(BUILD)/plumb

$(BUILD)/maps-venv/ready: tools/check_report/requirements.txt
	sh tools/make/deps.sh python
	$(PYTHON) -m venv $(BUILD)/maps-venv
	$(BUILD)/maps-venv/bin/pip install -q $$(grep '^jsonschema==' $<)
	touch $@

$(BUILD)/report-venv/ready: tools/check_report/requirements.txt
	sh tools/make/deps.sh python chromium
	$(PYTHON) -m venv $(BUILD)/report-venv
	$(BUILD)/report-venv/bin/pip install -q -r $<
	$(BUILD)/report-venv/bin/pip download -q --no-deps --no-binary pytest -d $(BUILD)/schemas pytest==8.4.2
	tar -xzf $(BUILD)/schemas/pytest-8.4.2.tar.gz -C $(BUILD)/schemas --strip-components=3 --wildcards '*/junit-10.xsd'
	touch $@

check-images: $(HF_VENV)/ready $(BUILD)/plumb $(BUILD)/size-filter
	$(PY) tools/check_hf/check_images.py $(BUILD)/plumb $(BUILD)/size-filter
	$(PY) tools/check_hf/check_pixels.py $(BUILD)/plumb

check-sounds: $(HF_VENV)/ready $(BUILD)/plumb
	$(PY) tools/check_hf/check_sounds.py $(BUILD)/plumb
	$(PY) tools/check_hf/check_mel.py $(BUILD)/plumb
	$(PY) tools/check_hf/check_features.py $(BUILD)/plumb

check-quantised: $(VENV)/quantised $(BUILD)/weight-filter $(BUILD)/nn-filter $(BUILD)/plumb
	$(PY) tools/check_hf/check_quantised.py $(BUILD)/weight-filter
	$(PY) tools/check_hf/check_input_codes.py $(BUILD)/nn-filter
	$(PY) tools/check_hf/check_quantised_dumps.py $(BUILD)/plumb
	$(PY) tools/check_hf/check_quantised_honest.py $(BUILD)/plumb

check-quantiser: $(VENV)/quantised $(BUILD)/plumb $(BUILD)/ggml/build/bin/libggml-base.so
	$(PY) tools/check_hf/check_quantiser.py $(BUILD)/plumb $(BUILD)/ggml/build/bin/libggml-base.so

# What the wheel would build, without the rest of llama.cpp
$(BUILD)/ggml/build/bin/libggml-base.so: $(VENV)/quantised
	sh tools/check_hf/ggml.sh $(VENV)/bin/python $(BUILD)/ggml

mirror: $(HF_VENV)/ready $(BUILD)/plumb
	$(PY) tools/check_hf/mirror.py $(BUILD)/plumb
	$(if $(HF),# lines of another version are others,$(PY) tools/check_hf/check_meanings.py)

check-docs: $(VENV)/ready $(BUILD)/plumb
	@cd tools/make && $(PYTHON) -B -m unittest -q test_check_docs
	@$(PYTHON) -B tools/make/check_docs.py --build $(BUILD)
	@$(PYTHON) -B tools/make/ports.py --check $(BUILD)/plumb
	@$(PYTHON) -B tools/make/malformed.py --check
	@$(VENV)/bin/python -B tools/lessons/pictures.py --check
	@PYTHONPATH=tools/lessons $(VENV)/bin/python -B -m unittest -q test_lessons

# The generator has a place of its own beside torch's.
$(BUILD)/site-venv/ready: tools/site-requirements.txt
	$(PYTHON) -m venv $(BUILD)/site-venv
	$(BUILD)/site-venv/bin/pip install -q -r $<
	touch $@

site: $(BUILD)/site-venv/ready
	@$(BUILD)/site-venv/bin/python -B tools/make/site.py $(BUILD)/site

pictures: $(VENV)/ready $(BUILD)/plumb
	$(VENV)/bin/python -B tools/lessons/pictures.py

bench: $(VENV)/ready $(addprefix $(BUILD)/,plumb tower-bench layer-bench weight-bench)
	$(PY) tools/bench/bench.py $(BUILD)

# Combinations of a class and a kind of dump that check-score measures of each case: 1 to 6
EACH   = 3
SCORED = $(patsubst %/case.json,%,$(sort $(wildcard fixtures/*/case.json)))

score: $(BUILD)/score
	sh tools/shards/score.sh $(BUILD)/score $(BUILD)/scored --out docs/score.md $(SCORED)

score-weakened: $(BUILD)/score
	sh tools/shards/score.sh $(BUILD)/score $(BUILD)/scored --weakened --out docs/weakened.md $(SCORED)

check-score: $(BUILD)/score
	sh tools/shards/score.sh $(BUILD)/score $(BUILD)/scored --against docs/score.md --each $(EACH) $(SCORED)

bench-images: $(VENV)/ready $(BUILD)/plumb
	$(PY) tools/bench/bench_images.py $(BUILD)/plumb

fixtures: $(VENV)/ready
	$(PY) tools/fixtures/make_fixtures.py
	$(PY) tools/fixtures/make_image_fixtures.py
	$(PY) tools/fixtures/make_sound_fixtures.py
	$(MAKE) --no-print-directory mustpass

quantised-fixtures: $(VENV)/quantised
	$(PY) tools/fixtures/make_quantised.py

mustpass: $(BUILD)/plumb
	$(PYTHON) -B tools/fixtures/make_mustpass.py $(BUILD)/plumb

format:
	clang-format -i $$(find ref conformance tools -name '*.[ch]')

clean:
	rm -rf build

# torch first and alone: asked for together with transformers, pip may choose another build of it
$(VENV)/ready: tools/requirements.txt
	sh tools/make/deps.sh python
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q $$(grep '^torch==' tools/requirements.txt)
	$(VENV)/bin/pip install -q -r tools/requirements.txt
	touch $@

$(BUILD)/venv-transformers-%/ready: $(VENV)/ready
	$(PYTHON) -m venv $(@D)
	realpath $(VENV)/lib/python*/site-packages > $$(echo $(@D)/lib/python*/site-packages)/beside.pth
	$(@D)/bin/pip install -q transformers==$*
	touch $@

$(VENV)/quantised: $(VENV)/ready tools/requirements-quantised.txt
	$(VENV)/bin/pip install -q -r tools/requirements-quantised.txt
	touch $@

$(BUILD)/plumb: $(TOOL:%.c=$(BUILD)/f32/%.o) $(BUILD)/f32/tools/report/page.o $(PLUMB)
$(BUILD)/tower-bench $(BUILD)/layer-bench $(BUILD)/weight-bench: $(BUILD)/%-bench: $(BUILD)/f32/tools/bench/%_bench.o \
    $(addprefix $(BUILD)/f32/tools/bench/,work.o peak.o) $(PLUMB)
# The peak is the machine's, whatever ARCH is, and of instructions that multiply and add at once.
$(BUILD)/f32/tools/bench/peak.o: CFLAGS += -ffp-contract=fast -march=native
$(BUILD)/size-filter: $(BUILD)/f32/tools/check_hf/size_filter.o $(PLUMB)
$(BUILD)/weight-filter: $(BUILD)/f32/tools/check_hf/weight_filter.o $(PLUMB)
$(BUILD)/nn-filter: $(BUILD)/f32/tools/check_hf/nn_filter.o $(PLUMB)
$(BUILD)/score: $(patsubst %.c,$(BUILD)/f32/%.o,$(wildcard tools/score/*.c) tools/command/output_option.c) $(PLUMB)
$(BUILD)/check-ref-f32: $(patsubst %.c,$(BUILD)/f32/%.o,$(wildcard ref/tests/*.c)) $(PLUMB)
$(BUILD)/check-ref-f64: $(patsubst %.c,$(BUILD)/f64/%.o,$(wildcard ref/tests/*.c)) $(F64)
$(BUILD)/check-conformance: $(patsubst %.c,$(BUILD)/f32/%.o,$(wildcard conformance/tests/*.c)) $(HELPERS) $(PLUMB)
$(BUILD)/check-plumb: $(patsubst %.c,$(BUILD)/f32/%.o,$(wildcard tools/tests/*.c) tools/command/work_done.c) \
                      $(HELPERS) $(PLUMB)
$(BUILD)/check-vectors: $(EVERY)
$(CHECKS): LDLIBS += $(CHECK_LIBS)

# The tests of ref/ with another library of products: check-ref-with-blis
$(BUILD)/check-ref-with-%: $(patsubst %.c,$(BUILD)/f32/%.o,$(wildcard ref/tests/*.c)) $(PLUMB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -l$* $(filter-out -lopenblas,$(LDLIBS)) $(CHECK_LIBS)

# COMBINATIONS='"clang -O0 -march=x86-64" ..' takes some of the twelve.
check-matrix:
	@sh tools/make/check_matrix.sh $(COMBINATIONS)

check-blas: $(BUILD)/check-ref-f32
	+@sh tools/make/check_blas.sh $(BUILD)

$(addprefix $(BUILD)/,plumb tower-bench layer-bench weight-bench nn-filter weight-filter size-filter score) $(CHECKS):
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# ---------------------------------------------------------------- fuzzing, with clang

FUZZ    = safetensors gguf npy npz index names case config quantised png wav report submission shard judge diagnosis
SECONDS = 60
FUZZING = --no-print-directory -s CC=clang ARCH= OPTIMIZE=-O2
TESTS_OF_JUDGE = $(addprefix $(BUILD)/f32/conformance/tests/,backends.o dumps.o)

COMMANDS = $(filter-out %/plumb.o,$(TOOL:%.c=$(BUILD)/f32/%.o)) $(BUILD)/f32/tools/report/page.o

$(BUILD)/fuzz-report $(BUILD)/fuzz-submission $(BUILD)/fuzz-shard: $(COMMANDS)
$(BUILD)/fuzz-judge $(BUILD)/fuzz-diagnosis $(BUILD)/fuzz-names: $(BUILD)/f32/tools/fuzz/fuzz_changes.o
$(BUILD)/fuzz-%: $(BUILD)/f32/tools/fuzz/fuzz_%.o $(addprefix $(BUILD)/f32/tools/fuzz/,fuzz.o fuzz_json.o) $(PLUMB)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS) -lz

$(BUILD)/seeds: $(addprefix $(BUILD)/f32/tools/fuzz/tests/,seeds.o quantised_seeds.o shard_seeds.o file_seeds.o) \
    $(HELPERS) \
    $(TESTS_OF_JUDGE) $(PLUMB)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) $(CHECK_LIBS)

$(addprefix $(BUILD)/f32/tools/fuzz/tests/,seeds.o shard_seeds.o file_seeds.o): CPPFLAGS += -Iconformance/tests

fuzz:
	@sh tools/make/deps.sh fuzz
	@$(MAKE) $(AT_ONCE) $(FUZZING) BUILD=build/fuzz \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' GUIDED=-fsanitize=fuzzer-no-link \
	    $(FUZZ:%=build/fuzz/fuzz-%)
	@$(MAKE) $(AT_ONCE) --no-print-directory -s build/seeds build/plumb
	@sh tools/fuzz/fuzz.sh build/fuzz $(SECONDS) $(FUZZ)

# libFuzzer is guided by what readers of files compare. Of the model and the judge it is told which edges were reached,
# and not what numbers were compared, which took half of the time; of products nothing.
COUNTED = $(addprefix ref/,gemma4 gemma4_unified run) \
          $(addprefix conformance/,bugs diagnose explain grade inputs lockstep noise readings)
EDGES   = -fsanitize-coverage=inline-8bit-counters,pc-table
$(COUNTED:%=$(BUILD)/f32/%/%.o): override GUIDED := $(if $(GUIDED),$(EDGES))
$(BUILD)/f32/ref/nn/%.o: override GUIDED =

# Each call that can fail does, once: MOST of a kind
MOST = 100000

$(BUILD)/faults.so: tools/faults/faults.c
	$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -shared -fPIC -o $@ $<

faults: $(BUILD)/plumb $(BUILD)/faults.so $(BUILD)/seeds
	@mkdir -p $(BUILD)/fuzz && $(BUILD)/seeds $(BUILD)/fuzz/seeds
	@$(PYTHON) tools/faults/faults.py $(BUILD)/plumb $(BUILD)/faults.so $(BUILD)/fuzz/seeds --most $(MOST)

# Which lines of each parser its target has reached, with the corpora that fuzzing has left. A function of a header
# that is inlined into both builds of the reference would have counters in both, which cannot be linked.
fuzz-coverage:
	@$(MAKE) $(AT_ONCE) $(FUZZING) BUILD=build/coverage \
	    SANITIZE='-fprofile-instr-generate -fcoverage-mapping -D__NO_INLINE__' \
	    $(FUZZ:%=build/coverage/fuzz-%)
	@sh tools/fuzz/coverage.sh build/coverage build/fuzz $(FUZZ)

$(foreach reader,$(READERS),$(BUILD)/f32/$(reader).o $(BUILD)/f64/$(reader).o): CFLAGS += -Wconversion

$(BUILD)/f32/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(GUIDED) -c -o $@ $<

# Some systems keep cblas.h in a folder of its own.
$(addprefix $(BUILD)/,f32/ref/nn/matmul.o f64/ref/nn/matmul.o f32/tools/bench/layer_bench.o): \
    CPPFLAGS += $(shell pkg-config --cflags-only-I openblas 2> /dev/null)

$(addprefix $(BUILD)/,f32/ref/run/sandbox.o f64/ref/run/sandbox.o every/ref/run/sandbox.o): \
    CPPFLAGS += $(if $(SECCOMP),-DPLUMB_SECCOMP) $(if $(SANITIZE),-DPLUMB_SANITIZED)

$(BUILD)/every/%.o: ARCH =
$(BUILD)/every/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# A report says which plumb wrote it. The file changes when the version or the commit does.
$(BUILD)/version: always
	@mkdir -p $(@D)
	@echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT)' > $@

$(BUILD)/f32/conformance/report/version.o: $(BUILD)/version
$(BUILD)/f32/conformance/report/version.o: CPPFLAGS += -DPLUMB_VERSION='"$(VERSION)"' -DPLUMB_COMMIT='"$(COMMIT)"'

# What plumb report fills in, as bytes of the program
$(BUILD)/f32/tools/report/page.o: tools/report/page.S $(wildcard tools/report/page*)
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

# The same sources with real = double. Every symbol but one is hidden, so that both builds live in one program.
$(BUILD)/f64/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -DREAL_IS_DOUBLE $(CFLAGS) -c -o $@ $<

# Threads are the program's: both builds share work out over the same.
$(BUILD)/reference_f64.o: $(F64)
	$(CC) -r -nostdlib -o $@ $(filter-out %/run/threads.o,$^)
	$(OBJCOPY) --keep-global-symbol=reference_f64 $@

# ---------------------------------------------------------------- to install

PREFIX  = /usr/local
LIBDIR  = $(PREFIX)/lib
DESTDIR =
MANUAL  = $(BUILD)/install/plumb.1
SHELLS  = bash zsh fish
INTO    = $(DESTDIR)$(PREFIX)

# All of it but the command's main, as one object that shows what plumbline.h declares and hides the rest
$(BUILD)/libplumb.a: $(COMMANDS) $(PLUMB) $(BUILD)/f32/tools/library/library.o
	$(CC) -r -nostdlib -o $(BUILD)/libplumb.o $^
	$(OBJCOPY) --wildcard --keep-global-symbol='plumbline_*' $(BUILD)/libplumb.o
	rm -f $@
	$(AR) rcD $@ $(BUILD)/libplumb.o

$(BUILD)/install/plumbline.h: tools/library/plumbline.h VERSION
	@mkdir -p $(@D)
	sed 's|@VERSION@|$(VERSION)|' $< > $@

$(BUILD)/install/plumbline.pc: tools/library/plumbline.pc.in VERSION always
	@mkdir -p $(@D)
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LDLIBS)|' $< > $@

$(MANUAL): $(BUILD)/plumb tools/make/man.sh
	@mkdir -p $(@D)
	sh tools/make/man.sh $(BUILD)/plumb > $@

$(SHELLS:%=$(BUILD)/install/plumb.%): $(BUILD)/install/plumb.%: $(BUILD)/plumb tools/make/completion.sh
	@mkdir -p $(@D)
	sh tools/make/completion.sh $(BUILD)/plumb $* > $@

install: $(BUILD)/plumb $(BUILD)/libplumb.a $(addprefix $(BUILD)/install/,plumbline.h plumbline.pc) $(MANUAL) \
    $(SHELLS:%=$(BUILD)/install/plumb.%)
	install -D $(BUILD)/plumb $(INTO)/bin/plumb
	install -D -m 644 $(BUILD)/libplumb.a $(DESTDIR)$(LIBDIR)/libplumb.a
	install -D -m 644 $(BUILD)/install/plumbline.h $(INTO)/include/plumbline.h
	install -D -m 644 $(BUILD)/install/plumbline.pc $(DESTDIR)$(LIBDIR)/pkgconfig/plumbline.pc
	install -D -m 644 $(MANUAL) $(INTO)/share/man/man1/plumb.1
	install -D -m 644 $(BUILD)/install/plumb.bash $(INTO)/share/bash-completion/completions/plumb
	install -D -m 644 $(BUILD)/install/plumb.zsh $(INTO)/share/zsh/site-functions/_plumb
	install -D -m 644 $(BUILD)/install/plumb.fish $(INTO)/share/fish/vendor_completions.d/plumb.fish
	install -D -m 644 tools/library/example.c $(INTO)/share/doc/plumbline/example.c
	install -D -m 644 docs/report.schema.json $(INTO)/share/plumbline/report.schema.json

uninstall:
	rm -f $(INTO)/bin/plumb $(DESTDIR)$(LIBDIR)/libplumb.a $(DESTDIR)$(LIBDIR)/pkgconfig/plumbline.pc \
	    $(INTO)/include/plumbline.h $(INTO)/share/man/man1/plumb.1 $(INTO)/share/bash-completion/completions/plumb \
	    $(INTO)/share/zsh/site-functions/_plumb $(INTO)/share/fish/vendor_completions.d/plumb.fish \
	    $(INTO)/share/doc/plumbline/example.c $(INTO)/share/plumbline/report.schema.json

check-install: $(BUILD)/plumb
	sh tools/make/check_install.sh $(BUILD)

deb:
	sh tools/make/deps.sh package
	sh tools/make/deb.sh $(BUILD)

# The next two enter systems of their own, as root; the first time debootstrap makes one.
check-deb: deb
	$(PYTHON) -B tools/make/check_deb.py $(BUILD)

check-container:
	sh tools/make/deps.sh package
	$(PYTHON) -B tools/make/check_container.py $(BUILD)

check-shards: $(BUILD)/plumb
	sh tools/shards/check.sh $(BUILD)/plumb $(BUILD)/shards

check-action: $(BUILD)/plumb $(BUILD)/action-venv/ready
	$(BUILD)/action-venv/bin/check-jsonschema -q --builtin-schema vendor.github-actions action.yml
	$(BUILD)/action-venv/bin/python -B tools/action/test_action.py $(BUILD)/plumb

$(BUILD)/action-venv/ready: tools/action/requirements.txt
	sh tools/make/deps.sh python
	$(PYTHON) -m venv $(BUILD)/action-venv
	$(BUILD)/action-venv/bin/pip install -q -r $<
	touch $@

# A program for every processor of its kind, built beside the others
wheel:
	@$(MAKE) --no-print-directory -s $(AT_ONCE) BUILD=$(BUILD)/package ARCH= all
	PYTHON=$(PYTHON) sh tools/make/wheel.sh $(BUILD) $(BUILD)/package/plumb

# The package is tried where nothing else is; with three libraries of arrays; beside Hugging Face; in a bare Debian.
FRESH  = $(BUILD)/wheel/fresh
PYTEST = -m pytest -q -p no:cacheprovider

check-wheel: wheel $(VENV)/ready
	rm -rf $(FRESH) $(BUILD)/wheel/beside
	$(PYTHON) -m venv $(FRESH)
	$(FRESH)/bin/pip install -q pytest $(BUILD)/wheel/*.whl
	$(FRESH)/bin/python $(PYTEST) tools/python/test_package.py
	$(FRESH)/bin/pip install -q numpy safetensors jax 'mlx[cpu]' mypy
	$(FRESH)/bin/python $(PYTEST) tools/python/test_capture.py
	$(FRESH)/bin/mypy --ignore-missing-imports -p plumbline
	$(VENV)/bin/pip install -q --target $(BUILD)/wheel/beside pytest $(BUILD)/wheel/*.whl
	PYTHONPATH=$(BUILD)/wheel/beside $(VENV)/bin/python $(PYTEST) tools/python/test_capture_torch.py \
	    tools/python/test_capture_modules.py
	sh tools/make/deps.sh package
	$(PYTHON) -B tools/make/check_bare_wheel.py $(BUILD)

# The commit goes along, because an archive has no history to ask.
dist:
	@mkdir -p $(BUILD)
	git describe --always --abbrev=12 --exclude '*' > $(BUILD)/COMMIT
	git archive --prefix=plumbline-$(VERSION)/ --add-file=$(BUILD)/COMMIT HEAD | \
	    gzip -n > $(BUILD)/plumbline-$(VERSION).tar.gz

.PHONY: always all help deps demo check check-hf check-configurations check-honest check-fixtures \
        check-docs check-report check-maps check-ports check-images check-sounds check-quantised \
        check-quantiser check-blas check-matrix fuzz mirror bench bench-images score score-weakened \
        check-score fixtures quantised-fixtures mustpass pictures site install uninstall check-install \
        check-action check-shards deb check-deb check-container wheel check-wheel dist format clean
.SECONDARY:

-include $(shell find $(BUILD)/f32 $(BUILD)/f64 -type f -name '*.d' 2>/dev/null)
