# deb.sh BUILD - makes the Debian packages in BUILD/deb, in a copy of what is committed
build=${1:?}
version=$(cat VERSION)
place=$build/deb
rm -rf "$place" && mkdir -p "$place" || exit 1
make -s dist BUILD="$build" || exit 1
tar -xzf "$build/plumbline-$version.tar.gz" -C "$place" || exit 1
cd "$place/plumbline-$version" || exit 1
cat > debian/changelog << END_OF_ENTRY
plumbline ($version) unstable; urgency=medium

  * See CHANGELOG.md.

 -- Plumbline <plumbline@localhost.localdomain>  $(date -R -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y VERSION)}")
END_OF_ENTRY
dpkg-buildpackage -b -us -uc > ../build.log 2>&1 || { tail -30 ../build.log; exit 1; }
cd ..
ls *.deb
