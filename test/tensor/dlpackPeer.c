// Another native addon of the process, as DLPack knows them: makes tensors and takes them. It shares no header with
// libtorch; the structures are written out after the specification (https://dmlc.github.io/dlpack/latest/c_api.html).
// dlpack.test.ts compiles it.
#include <node_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  void* data;
  struct {
    int32_t type;
    int32_t id;
  } device;
  int32_t ndim;
  struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
  } dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} Tensor;

typedef struct Managed {
  Tensor tensor;
  void* context;
  void (*deleter)(struct Managed*);
} Managed;

typedef struct Versioned {
  struct {
    uint32_t major;
    uint32_t minor;
  } version;
  void* context;
  void (*deleter)(struct Versioned*);
  uint64_t flags;
  Tensor tensor;
} Versioned;

static atomic_int deleted_count;

static void delete_parts(const Tensor* tensor) {
  free(tensor->data);
  free(tensor->shape);
  free(tensor->strides);
  atomic_fetch_add(&deleted_count, 1);
}
static void delete_managed(Managed* self) {
  delete_parts(&self->tensor);
  free(self);
}
static void delete_versioned(Versioned* self) {
  delete_parts(&self->tensor);
  free(self);
}

static int32_t int_of(napi_env env, napi_value value) {
  int32_t out = 0;
  napi_get_value_int32(env, value, &out);
  return out;
}

static bool bool_of(napi_env env, napi_value value) {
  bool out = false;
  napi_get_value_bool(env, value, &out);
  return out;
}

static void* pointer_of(napi_env env, napi_value value) {
  uint64_t out = 0;
  bool lossless = false;
  napi_get_value_bigint_uint64(env, value, &out, &lossless);
  return (void*)out;
}

static int64_t* list_of(napi_env env, napi_value value, int32_t count) {
  bool is = false;
  napi_is_array(env, value, &is);
  if (!is) return NULL;
  int64_t* out = calloc(count + 1, sizeof(int64_t));
  for (int32_t i = 0; i < count; i++) {
    napi_value item;
    napi_get_element(env, value, i, &item);
    napi_get_value_int64(env, item, &out[i]);
  }
  return out;
}

// make(bytes, code, bits, lanes, shape, strides or null, byteOffset, versioned, device, major): an address
static napi_value make(napi_env env, napi_callback_info info) {
  napi_value a[10];
  size_t argc = 10;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  void* bytes = NULL;
  size_t size = 0;
  napi_typedarray_type type;
  napi_get_typedarray_info(env, a[0], &type, &size, &bytes, NULL, NULL);
  Tensor tensor = {0};
  uint32_t ndim = 0;
  napi_get_array_length(env, a[4], &ndim);
  tensor.data = malloc(size + 1);
  memcpy(tensor.data, bytes, size);
  tensor.device.type = int_of(env, a[8]);
  tensor.ndim = (int32_t)ndim;
  tensor.dtype.code = (uint8_t)int_of(env, a[1]);
  tensor.dtype.bits = (uint8_t)int_of(env, a[2]);
  tensor.dtype.lanes = (uint16_t)int_of(env, a[3]);
  tensor.shape = list_of(env, a[4], tensor.ndim);
  tensor.strides = list_of(env, a[5], tensor.ndim);
  tensor.byte_offset = (uint64_t)int_of(env, a[6]);
  void* out = NULL;
  if (bool_of(env, a[7])) {
    Versioned* managed = calloc(1, sizeof(Versioned));
    managed->version.major = (uint32_t)int_of(env, a[9]);
    managed->deleter = delete_versioned;
    managed->tensor = tensor;
    out = managed;
  } else {
    Managed* managed = calloc(1, sizeof(Managed));
    managed->deleter = delete_managed;
    managed->tensor = tensor;
    out = managed;
  }
  napi_value address;
  napi_create_bigint_uint64(env, (uint64_t)out, &address);
  return address;
}

static void put(napi_env env, napi_value object, const char* name, int64_t value) {
  napi_value number;
  napi_create_int64(env, value, &number);
  napi_set_named_property(env, object, name, number);
}

static void put_list(napi_env env, napi_value object, const char* name, const int64_t* list, int32_t count) {
  napi_value out;
  napi_create_array(env, &out);
  for (int32_t i = 0; i < count; i++) {
    napi_value number;
    napi_create_int64(env, list[i], &number);
    napi_set_element(env, out, i, number);
  }
  napi_set_named_property(env, object, name, out);
}

// look(address, versioned): what it says; of the data the first byte.
static napi_value look(napi_env env, napi_callback_info info) {
  napi_value a[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  void* address = pointer_of(env, a[0]);
  const bool versioned = bool_of(env, a[1]);
  const Tensor* tensor = versioned ? &((Versioned*)address)->tensor : &((Managed*)address)->tensor;
  napi_value out;
  napi_create_object(env, &out);
  put(env, out, "device", tensor->device.type);
  put(env, out, "code", tensor->dtype.code);
  put(env, out, "bits", tensor->dtype.bits);
  put(env, out, "lanes", tensor->dtype.lanes);
  put_list(env, out, "shape", tensor->shape, tensor->ndim);
  put_list(env, out, "strides", tensor->strides, tensor->ndim);
  if (tensor->data) put(env, out, "first", ((uint8_t*)tensor->data)[tensor->byte_offset]);
  if (versioned) put(env, out, "major", ((Versioned*)address)->version.major);
  return out;
}

// poke(address, versioned, byte): writes the first byte of the data.
static napi_value poke(napi_env env, napi_callback_info info) {
  napi_value a[3];
  size_t argc = 3;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  void* address = pointer_of(env, a[0]);
  const Tensor* tensor = bool_of(env, a[1]) ? &((Versioned*)address)->tensor : &((Managed*)address)->tensor;
  ((uint8_t*)tensor->data)[tensor->byte_offset] = (uint8_t)int_of(env, a[2]);
  return NULL;
}

static void* give_managed_back(void* address) {
  ((Managed*)address)->deleter(address);
  return NULL;
}
static void* give_versioned_back(void* address) {
  ((Versioned*)address)->deleter(address);
  return NULL;
}

// giveBack(address, versioned): calls the deleter, on a thread that JavaScript knows nothing of.
static napi_value give_back(napi_env env, napi_callback_info info) {
  napi_value a[2];
  size_t argc = 2;
  napi_get_cb_info(env, info, &argc, a, NULL, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, bool_of(env, a[1]) ? give_versioned_back : give_managed_back, pointer_of(env, a[0]));
  pthread_join(thread, NULL);
  return NULL;
}

// deleted(): how many of the tensors made here were given back.
static napi_value deleted(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value out;
  napi_create_int32(env, atomic_load(&deleted_count), &out);
  return out;
}

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback call;
  } table[] = {{"make", make}, {"look", look}, {"poke", poke}, {"giveBack", give_back}, {"deleted", deleted}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    napi_value function;
    napi_create_function(env, table[i].name, NAPI_AUTO_LENGTH, table[i].call, NULL, &function);
    napi_set_named_property(env, exports, table[i].name, function);
  }
  return exports;
}
