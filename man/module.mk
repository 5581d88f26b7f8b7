# Manual pages: man/NAME.SECTION.scd is prose; a line "@gen WORDS@" in it becomes the output of
# "vzctl gen WORDS", so what a table knows is not written twice.  Without scdoc there are no pages.
MAN_SRCS := $(wildcard man/*.scd)
ifneq ($(shell command -v $(SCDOC)),)
MAN := $(MAN_SRCS:%.scd=$(O)/%)
else
$(info scdoc is not installed: no manual pages)
endif
INSTALL += $(foreach m,$(MAN),0644|$(m)|$(mandir)/man$(patsubst .%,%,$(suffix $(m)))/$(notdir $(m)))

$(MAN): $(O)/%: %.scd $(filter $(O)/vzctl,$(VZCTL_TOOLS:%=$(O)/%))
	$(Q)mkdir -p $(@D)
	$(call say,MAN,$@)set -o pipefail; awk -v gen='$(O)/vzctl gen ' \
		'/^@gen .*@$$/ { gsub(/^@gen |@$$/, ""); if (system(gen $$0)) exit 1; next } { print; fflush() }' $< | \
		$(SCDOC) >$@
