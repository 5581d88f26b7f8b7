# Recipes go to datadir with their modes and links; distribution data and configuration to
# sysconfdir: the tables are the administrator's to edit, the scripts are ours (add others under
# names of your own).
TEMPLATE_FILES := $(shell find templates -mindepth 2 -type f -not -path 'templates/dists/*' \
	-not -path 'templates/conf/*') templates/build templates/README.md
INSTALL += $(foreach f,$(TEMPLATE_FILES),x|$(f)|$(datadir)/vz/$(f)) \
	$(shell find templates -type l -printf 'l|%l|$(datadir)/vz/%p ') \
	$(call put,c,$(sysconfdir)/vz,$(addprefix templates/conf/,vz.conf vznet.conf download.conf osrelease.conf)) \
	$(call put,c,$(sysconfdir)/vz/conf,templates/conf/0.conf $(wildcard templates/conf/*.conf-sample)) \
	$(call put,c,$(sysconfdir)/vz/dists,$(wildcard templates/dists/*.conf)) \
	$(call put,0644,$(sysconfdir)/vz/dists,templates/dists/README.md) \
	$(call put,0644,$(sysconfdir)/vz/dists/scripts,$(wildcard templates/dists/scripts/*))
