// Package deploy tests what Cairn is shipped in: the image's file system, the unit of systemd, the dashboard and the alerts.
package deploy
