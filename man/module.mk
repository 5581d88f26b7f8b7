# Manual pages: man/NAME.SECTION.scd is prose; a line "@vzctl gen WORDS@" or "@vzlist WORDS@"
# in it becomes that command's output, so what a table knows is not written twice.  Without scdoc
# there are no pages.
MAN_SRCS := $(wildcard man/*.scd)
ifneq ($(shell command -v $(SCDOC)),)
MAN := $(MAN_SRCS:%.scd=$(O)/%)
else
$(info scdoc is not installed: no manual pages)
endif
INSTALL += $(foreach m,$(MAN),0644|$(m)|$(mandir)/man$(patsubst .%,%,$(suffix $(m)))/$(notdir $(m)))

$(MAN): $(O)/%: %.scd $(patsubst %,$(O)/bin/%,$(filter vzctl vzlist,$(VZCTL_TOOLS)))
	$(Q)mkdir -p $(@D)
	$(call say,MAN,$@)set -o pipefail; awk -v dir='$(O)/bin/' \
		'/^@(vzctl|vzlist) .*@$$/ { gsub(/^@|@$$/, ""); if (system(dir $$0)) exit 1; next } { print; fflush() }' $< | \
		$(SCDOC) >$@
