# Data of templates/: recipes, distribution scripts, sample configuration.
find_files = $(shell find $(1) -type f ! -name 'module.mk' ! -name '*~' 2>/dev/null | sort)
INSTALL += $(call put,c,$(sysconfdir)/vz,$(wildcard templates/conf/vz.conf)) \
	$(call put,c,$(sysconfdir)/vz/conf,$(wildcard templates/conf/*.conf-sample)) \
	$(foreach f,$(call find_files,templates/dists),x|$(f)|$(sysconfdir)/vz/$(f:templates/%=%)) \
	$(foreach f,$(filter-out templates/conf/% templates/dists/%,$(call find_files,templates)),x|$(f)|$(datadir)/vz/$(f))
