"""The user data of a droplet: what cloud-init is told at the first boot."""

import json

from provisioner.ssh.keys import KeyPair


def cloud_config(host_key: KeyPair) -> str:
    """Give the server this host key and no other one.

    The result holds the private half. JSON is YAML too, and has no indentation to get wrong; it is ASCII,
    because DigitalOcean drops droplets whose user data is not. cloud-init makes no other key types when it
    is given one, and sshd refuses a private key without its last newline.
    """
    config = {
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": host_key.private.rstrip("\n") + "\n",
            "ed25519_public": host_key.public,
        },
    }
    return f"#cloud-config\n{json.dumps(config, ensure_ascii=True)}\n"
