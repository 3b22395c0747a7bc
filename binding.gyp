# For node-gyp and the tools on top of it, prebuildify among them. CMake does the work (scripts/build/addon.mjs) and
# knows best what has changed, hence an output that never appears: the action then runs on every build.
{
  "targets": [
    {
      "target_name": "torch_node",
      "type": "none",
      "actions": [
        {
          "action_name": "build_addon",
          "inputs": [],
          "outputs": ["<(PRODUCT_DIR)/torch_node.node.always"],
          "action": ["node", "<(module_root_dir)/scripts/build/addon.mjs"],
        }
      ],
    }
  ]
}
