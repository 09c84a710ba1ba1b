# SPDX-License-Identifier: Apache-2.0
# make install PREFIX=/usr/local DESTDIR=: the command, both libraries, the header, assay.pc and the man page.
LIBDIR ?= $(PREFIX)/lib
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/assay $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(B)/assay $(DESTDIR)$(PREFIX)/bin/assay
	install -m 644 $(B)/libassay.a $(DESTDIR)$(LIBDIR)/libassay.a
	install -m 755 $(B)/libassay.so $(DESTDIR)$(LIBDIR)/libassay.so.$(VERSION)
	ln -sf libassay.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libassay.so.$(SOVERSION)
	ln -sf libassay.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libassay.so
	install -m 644 include/assay/assay.h $(DESTDIR)$(PREFIX)/include/assay/assay.h
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LIBS)|' mk/assay.pc.in > $(B)/assay.pc
	install -m 644 $(B)/assay.pc $(DESTDIR)$(LIBDIR)/pkgconfig/assay.pc
	install -m 644 docs/assay.1 $(DESTDIR)$(PREFIX)/share/man/man1/assay.1
