"""What other libraries call our options: the words that people bring along."""

from __future__ import annotations

from collections.abc import Callable, Collection

from toolkit.common.errors import nearest_word

__all__ = ["suggestion"]

#: Our option -> what scikit-learn, Keras, PyTorch, the boosting and the AutoML libraries call it, or people do.
FOREIGN_NAMES = {
    "target": "y y_col y_column label labels label_column target_column target_col target_name targets outcome "
    "response dependent dependent_variable output_column class class_column y_train",
    "test": "test_size test_split test_fraction test_frac test_ratio test_share test_data test_set test_file holdout "
    "holdout_frac train_size train_split train_fraction x_test eval_data",
    "validation": "validation_split validation_size validation_fraction validation_data val val_split val_size "
    "val_fraction val_data valid valid_size valid_data eval_set eval_size dev dev_size dev_set x_val tuning_data",
    "seed": "random_state random_seed rand_seed rng rng_seed random global_seed seed_value",
    "seeds": "n_seeds num_seeds repeats n_repeats runs seed",
    "members": "networks n_networks num_networks n_members num_members n_models num_models ensemble "
    "ensemble_size bagging",
    "head": "heads loss loss_function loss_fn criterion objective",
    "quantiles": "quantile quantile_levels quantile_list taus tau",
    "heads": "head losses loss loss_function criterion objective",
    "effort": "preset presets quality speed mode",
    "time_limit": "time_budget budget max_time max_runtime_secs timeout",
    "report": "report_path report_file html html_file output_html output",
    "epochs": "epoch num_epochs n_epochs nb_epoch nb_epochs max_epochs max_iter max_iters iterations n_iter num_iter "
    "num_iterations num_boost_round n_steps max_steps train_epochs passes n_estimators",
    "batch_size": "batch batches bs batch_sz minibatch_size mini_batch_size train_batch_size samples_per_batch",
    "learning_rate": "lr learning_rate_init learn_rate eta eta0 step_size init_lr base_lr initial_lr max_lr rate",
    "schedule": "lr_schedule lr_scheduler scheduler learning_rate_schedule lr_decay decay learning_rate_decay policy",
    "optimizer": "optimiser optim opt solver",
    "weight_decay": "wd decay_rate",
    "l2": "alpha l2_reg l2_regularization l2_penalty reg_lambda lambda lambda_ lambda_l2 regularization regularizer "
    "kernel_regularizer penalty ridge c",
    "l1": "l1_reg l1_regularization l1_penalty reg_alpha lambda_l1 l1_ratio lasso",
    "max_norm": "maxnorm weight_constraint kernel_constraint",
    "clip_norm": "clip clipnorm clip_value grad_clip gradient_clip gradient_clipping gradient_clip_val max_grad_norm",
    "metric": "eval_metric scoring scorer monitor selection_metric",
    "patience": "early_stopping early_stopping_rounds early_stop es_patience n_iter_no_change stopping_rounds tol",
    "hidden": "hidden_layer_sizes hidden_layers hidden_layer hidden_units hidden_size hidden_sizes hidden_dim "
    "hidden_dims n_hidden num_hidden layers layer_sizes n_layers num_layers neurons n_neurons units nodes width widths "
    "depth dense_units architecture topology",
    "activation": "activations activation_function activation_fn act act_fn nonlinearity transfer_function",
    "dropout": "dropout_rate dropout_rates drop_rate drop_prob dropout_prob p_drop dropouts",
    "batch_norm": "batchnormalization bn use_bn use_batch_norm",
    "initializer": "kernel_initializer init weight_init weights_init initialization initialiser",
    "filters": "n_filters num_filters channels conv_filters kernels",
    "build": "model model_fn build_fn build_model builder network net module estimator create_model",
    "callbacks": "callback cb",
    "resume": "resume_from resume_from_checkpoint checkpoint checkpoint_dir checkpoint_path ckpt_path backup_dir",
    "progress": "verbose verbosity silent quiet show_progress progress_bar progressbar disp log_level",
    "scaling": "scaler scale normalize normalise normalization standardize standardise standardization feature_scaling",
    "label_smoothing": "smoothing smooth_labels",
    "log_target": "log log_transform log1p transform_target target_transform log_y",
    "class_weight": "class_weights balanced balance pos_weight scale_pos_weight is_unbalance weights",
    "sample_weight": "sample_weights weight weight_column weights_column row_weights case_weights weights",
    "positive": "pos_label positive_class positive_label pos_class event_level true_label",
    "threshold": "cutoff cut_off decision_threshold probability_threshold prob_threshold thresh",
    "drop": "exclude excluded ignore ignored_columns drop_columns drop_cols columns_to_drop remove skip_columns",
    "keep": "include keep_columns force_include",
    "categories": "cat_features categorical categorical_features categorical_feature categorical_columns cat_cols "
    "cat_columns factors",
    "group": "groups group_column group_col group_id groupby group_by patient subject",
    "time": "time_column time_col time_index date date_column timestamp datetime order_by",
    "baselines": "baseline compare_baselines",
    "shift": "augment augmentation data_augmentation random_shift translation",
    "flip": "horizontal_flip random_flip mirror",
    "size": "image_size img_size target_size input_shape resize",
    "sep": "delimiter delim separator field_separator",
    "decimal": "decimal_separator dec decimal_mark decimal_point",
    "thousands": "thousands_separator thousands_sep",
    "encoding": "charset file_encoding codec",
    "na_values": "missing_values na nan_values null_values na_strings",
    "header": "has_header header_row column_names colnames names skiprows",
    "dayfirst": "day_first date_format",
    "save": "save_path save_to model_path model_file",
}  # fmt: skip

#: What we have no option for -> what to do.
ADVICE = {
    "Every column but the target is used: leave columns out with drop=.": "x features feature_columns feature_names "
    "feature_cols columns predictors inputs input_columns x_cols usecols x_train",
    "The split is stratified by itself: leave it out.": "stratify stratified stratified_split",
    "Rows are shuffled by the seed: leave it out; time= names a column that orders the split.": "shuffle",
    "All processors are used by themselves: leave it out.": "n_jobs num_workers n_workers workers nthread num_threads "
    "thread_count device gpu gpus use_gpu tree_method",
    "Missing cells are filled by the preprocessing: leave it out.": "impute imputer imputation fillna missing",
    "All metrics are computed, see run.metrics: leave it out.": "metrics",
    "compare(..., seeds=5) trains on several splits.": "cv n_splits k_fold kfold k_folds n_folds cross_validation",
    "Each task is a module: binary, multiclass, multilabel or regression.": "task problem_type mode_type",
    "Save the run afterwards: run.save('run.keras').": "save save_path save_to model_path model_file",
}  # fmt: skip


def suggestion(word: str, known: Collection[str], written: Callable[[str], str] = str) -> str:
    """Return a hint with a leading space for an option that is not known, or an empty string.

    Args:
        word: The word that was given.
        known: The options that are known.
        written: How an option is written in the hint.

    Example:
        >>> suggestion("test_size", ["test", "epochs"]), suggestion("n-estimators", ["epochs"], "--{}".format)
        (" Use 'test'.", " Use '--epochs'.")
        >>> suggestion("stratify", []), suggestion("epohcs", ["epochs"])
        (' The split is stratified by itself: leave it out.', " Did you mean 'epochs'?")
    """
    plain = _plain(word)
    ours = [name for name in known if plain == _plain(name)] or [
        name for name, words in FOREIGN_NAMES.items() if name in known and plain in map(_plain, words.split())
    ]
    if ours:
        return f" Use {' or '.join(repr(written(name)) for name in ours)}."
    advice = next((text for text, words in ADVICE.items() if plain in map(_plain, words.split())), "")
    if advice:
        return f" {advice}"
    close = nearest_word(word.strip("-").replace("-", "_"), known)
    return f" Did you mean {written(close)!r}?" if close else ""


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
