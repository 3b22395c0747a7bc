// The helper addon: loads shared libraries by absolute path so that the main addon, which names libtorch's
// libraries without a path, finds them already in memory. Linked with nothing but the C library and Node-API.
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

// Loads one library for the life of the process. Gives a message, or NULL when it is loaded.
static const char* load(const char* path, char* message, size_t size) {
#ifdef _WIN32
  wchar_t wide[4096];
  if (!MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 4096)) return "path is not UTF-8 or too long";
  if (LoadLibraryExW(wide, NULL, LOAD_WITH_ALTERED_SEARCH_PATH)) return NULL;
  snprintf(message, size, "%s: LoadLibrary failed with code %lu", path, GetLastError());
  return message;
#else
  if (dlopen(path, RTLD_LAZY | RTLD_GLOBAL)) return NULL;
  const char* reason = dlerror();
  snprintf(message, size, "%s", reason ? reason : "dlopen failed without a reason");
  return message;
#endif
}

// preload(paths: string[]): void
static napi_value preload(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value list;
  uint32_t length = 0;
  if (napi_get_cb_info(env, info, &argc, &list, NULL, NULL) != napi_ok || argc < 1 ||
      napi_get_array_length(env, list, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, "preload expects an array of paths");
    return NULL;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value item;
    size_t size = 0;
    if (napi_get_element(env, list, i, &item) != napi_ok ||
        napi_get_value_string_utf8(env, item, NULL, 0, &size) != napi_ok) {
      napi_throw_type_error(env, NULL, "preload expects an array of paths");
      return NULL;
    }
    char* path = malloc(size + 1);
    char message[2048];
    const char* failure = "out of memory";
    if (path && napi_get_value_string_utf8(env, item, path, size + 1, &size) == napi_ok) {
      failure = load(path, message, sizeof message);
    }
    free(path);
    if (failure) {
      napi_throw_error(env, "ERR_DLOPEN_FAILED", failure);
      return NULL;
    }
  }
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "preload", NAPI_AUTO_LENGTH, preload, NULL, &function) != napi_ok ||
      napi_set_named_property(env, exports, "preload", function) != napi_ok) {
    return NULL;
  }
  return exports;
}
