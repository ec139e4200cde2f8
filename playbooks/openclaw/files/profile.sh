# A login of the assistant's user finds its command and its services.
if [ "$(id -un)" = openclaw ]; then
	PATH="$HOME/.npm-global/bin:$PATH"
	XDG_RUNTIME_DIR="/run/user/$(id -u)"
	DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
	export PATH XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
fi
