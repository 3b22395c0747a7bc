// Overloads that the fuzzer does not call, with the reason. Those that end the process or run for ever do so in Python
// PyTorch 2.13 too, called through torch.ops with like arguments (scripts/fuzz/replay.py), unless the reason says otherwise.

/** By the schema's name. */
export const leftOut = {
  'aten::_cholesky_solve_helper': 'writes past its memory and aborts in Python too',
  'aten::_nnpack_spatial_convolution': 'segmentation fault in Python too',
  'aten::_sobol_engine_initialize_state_': 'segmentation fault in Python too',
  'aten::_weight_norm': 'division by zero (SIGFPE) in Python too',
  'aten::_weight_norm_interface.out': 'segmentation fault in Python too',
  'aten::batch_norm_update_stats': 'segmentation fault in Python too',
  'mkldnn::_reorder_mkldnn_rnn_layer_weight': 'division by zero (SIGFPE) in Python too',
  'aten::_batch_norm_impl_index_backward': 'segmentation fault in Python too',
  'aten::_nnpack_spatial_convolution.out': 'division by zero (SIGFPE) in Python too',
  'aten::quantized_lstm_cell': 'segmentation fault in Python too',
  'aten::_cholesky_solve_helper.out': 'segmentation fault in Python too',
  'aten::_foreach_copy': 'segmentation fault in Python too',
  'aten::mkldnn_rnn_layer_backward': 'segmentation fault in Python too',
  'aten::_thnn_differentiable_gru_cell_backward': 'segmentation fault in Python too',
  'aten::fractional_max_pool3d_backward': 'segmentation fault in Python too',
  'aten::_fft_r2c.out': 'segmentation fault in Python too',
  'aten::reflection_pad2d_backward': 'segmentation fault in Python too',
  'aten::_transform_bias_rescale_qkv': 'division by zero (SIGFPE) in Python too',
  'aten::_slow_conv2d_backward.output_mask_out': 'segmentation fault in Python too',
  'aten::_slow_conv2d_backward.grad_input': 'segmentation fault in Python too',
  'aten::fractional_max_pool3d_backward.grad_input': 'segmentation fault in Python too',
  'aten::fractional_max_pool2d_backward.grad_input': 'segmentation fault in Python too',
  'aten::_fft_r2c': 'segmentation fault in Python too',
  'aten::_stack': 'segmentation fault in Python too',
  'aten::_stack.out': 'segmentation fault in Python too',
  'aten::_ctc_loss_backward': 'segmentation fault in Python too',
  'aten::_foreach_copy.out': 'segmentation fault in Python too',
  'aten::_native_batch_norm_legit.no_stats': 'segmentation fault in Python too',
  'aten::_convert_indices_from_csr_to_coo': 'segmentation fault in Python too',
  'aten::native_batch_norm_backward.out': 'division by zero (SIGFPE) in Python too',
  'aten::_thnn_differentiable_lstm_cell_backward': 'segmentation fault in Python too',
  'aten::_new_zeros_with_same_feature_meta.out':
    'reads past its sizes: Python gets random ones and throws, here it crashed',
};
