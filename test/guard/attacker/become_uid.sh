# Tries to become another uid, as a program of a container could. Prints the names of the ways that worked, one a line.
#
# usage: sh become_uid.sh UID FOLDER. The folder holds two programs as a hostile image could, both with the setuid bit: `id`, owned by
# that uid, and `setpriv`, owned by root.
uid=$1
folder=$2

# try NAME PROGRAM...: whether the program says that it runs as the uid.
try() {
  name=$1
  shift
  if [ "$("$@" 2>/dev/null)" = "$uid" ]; then echo "$name"; fi
}

try "setuid" setpriv --reuid "$uid" id -u
cp /usr/bin/id "$folder/mine" && chown "$uid" "$folder/mine" && chmod 4755 "$folder/mine"
try "a program of its own making" "$folder/mine" -u
try "a program of that uid" "$folder/id" -u
try "a program of root" "$folder/setpriv" --reuid "$uid" id -u
