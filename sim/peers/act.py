#!/usr/bin/env python3
"""LeRobot's ACT on our demonstrations, evaluated closed loop in our simulator.

    python act.py train --data DIR/set --out RUN [--steps N] [--max-secs S] ...       resumes where it was stopped
    python act.py eval --run RUN --tasks T [--episodes N] [--json FILE] [--program P]

Network, loss, normalisation, optimiser and data set are LeRobot's, with its defaults, which are its authors' recipe for ACT
(Zhao et al. 2023); README.md beside this file lists every difference. One is of substance: ACT takes no sentence, and our
tasks need one. The words of the sentence go into its token for the state of the environment, as ones and zeros.
"""
import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import time
import traceback

import numpy as np

import bridge
import report

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir)
TASKS = "insert_onto_square_peg,light_bulb_in,open_drawer,stack_cups"
STATE, WORDS, ACTION, IMAGES = "observation.state", "observation.environment_state", "action", "observation.images."
CAMERAS = "front,left_shoulder,right_shoulder,wrist"
EVAL_SEED = 1000000
POLICY, STATE_FILE, ABOUT = "policy", "training.pt", "about.json"


class Vocabulary:
    """Sentences as ones and zeros, one for each word that occurs in the demonstrations."""

    def __init__(self, words):
        self.words = list(words)

    @classmethod
    def of(cls, sentences):
        return cls(sorted({word for sentence in sentences for word in cls.split(sentence)}))

    @staticmethod
    def split(sentence):
        return "".join(c if c.isalnum() else " " for c in sentence.lower()).split()

    def vector(self, sentence):
        said = self.split(sentence)
        unknown = sorted(set(said) - set(self.words))
        if unknown:
            raise ValueError("%r: the demonstrations have no %s" % (sentence, ", ".join(unknown)))
        return np.array([word in said for word in self.words], np.float32)


# ---------------------------------------------------------------- training


def train(options):
    import torch
    from lerobot.datasets.factory import IMAGENET_STATS
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.act.processor_act import make_act_pre_post_processors

    torch.set_num_threads(options.threads)
    meta = LeRobotDataset("neuraxis/experts", root=options.data).meta
    ahead = {ACTION: [i / meta.fps for i in range(options.chunk)]}
    data = LeRobotDataset("neuraxis/experts", root=options.data, delta_timestamps=ahead)
    # As lerobot-train has it (`dataset.use_imagenet_stats`).
    stats = {**meta.stats, **{key: {k: np.asarray(v) for k, v in IMAGENET_STATS.items()} for key in meta.camera_keys}}
    words = Vocabulary.of(meta.tasks.index)
    about = {
        "words": words.words, "fps": meta.fps, "cameras": options.cameras.split(","), "batch": options.batch,
        "chunk": options.chunk, "lr": options.lr, "lr_backbone": options.lr_backbone, "backbone": options.backbone,
        "bf16": options.bf16, "seed": options.seed, "data": {"episodes": meta.total_episodes, "frames": meta.total_frames},
    }
    done = {"step": 0, "secs": 0.0}
    folder = os.path.join(options.out, "checkpoint")
    recover(options.out)
    if os.path.exists(folder):
        with open(os.path.join(folder, ABOUT)) as file:
            # Checkpoints without the key were made in full precision.
            before = {"bf16": False, **json.load(file)}
        different = [key for key in about if before[key] != about[key]]
        if different:
            sys.exit("%s: begun with another %s; give another --out" % (folder, ", ".join(different)))
        policy = ACTPolicy.from_pretrained(os.path.join(folder, POLICY))
        kept = torch.load(os.path.join(folder, STATE_FILE), weights_only=True)
        done = kept["done"]
    else:
        torch.manual_seed(options.seed)
        policy, kept = ACTPolicy(configure(options, meta, words)), None
        if options.backbone == "scratch":
            calibrate(policy, data, about["cameras"], stats, options)
    pre, _ = make_act_pre_post_processors(policy.config, stats)
    optimiser = policy.config.get_optimizer_preset().build(policy.get_optim_params())
    if kept:
        optimiser.load_state_dict(kept["optimiser"])
    policy.train()

    os.makedirs(options.out, exist_ok=True)
    log = open(os.path.join(options.out, "log.jsonl"), "a", buffering=1)
    # Numbers drawn anew after a resumption, never the same twice.
    draw, noise = random.Random(options.seed * 1000003 + done["step"]), options.seed * 7919 + done["step"]
    torch.manual_seed(noise)
    started, before, sums, count = time.monotonic(), done["secs"], {}, 0
    while done["step"] < options.steps and time.monotonic() - started < options.max_secs:
        items = [data[draw.randrange(len(data))] for _ in range(options.batch)]
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            loss, parts = policy.forward(pre(collate(items, about["cameras"], words)))
        if not torch.isfinite(loss):
            sys.exit("step %d: the loss is %s; the last checkpoint stays" % (done["step"], loss.item()))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), policy.config.get_optimizer_preset().grad_clip_norm)
        optimiser.step()
        done = {"step": done["step"] + 1, "secs": before + time.monotonic() - started}
        for key, value in dict(parts, loss=loss.item()).items():
            sums[key] = sums.get(key, 0.0) + value
        count += 1
        if done["step"] % options.log_every == 0 or done["step"] == options.steps:
            line = {"step": done["step"], "samples": done["step"] * options.batch, "hours": round(done["secs"] / 3600, 3)}
            line.update({key: round(total / count, 5) for key, total in sums.items()})
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            sums, count = {}, 0
        if done["step"] % options.save_every == 0:
            save(options.out, policy, optimiser, stats, about, done)
    save(options.out, policy, optimiser, stats, about, done)
    print("%s: %d steps of %d, %.2f hours" % (options.out, done["step"], options.batch, done["secs"] / 3600))


def configure(options, meta, words):
    """ACT with LeRobot's defaults but for what the command line says."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig

    inputs = {STATE: PolicyFeature(FeatureType.STATE, tuple(meta.features[STATE]["shape"])),
              WORDS: PolicyFeature(FeatureType.ENV, (len(words.words),))}
    for camera in options.cameras.split(","):
        height, width, channels = meta.features[IMAGES + camera]["shape"]
        inputs[IMAGES + camera] = PolicyFeature(FeatureType.VISUAL, (channels, height, width))
    return ACTConfig(
        input_features=inputs,
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, tuple(meta.features[ACTION]["shape"]))},
        device="cpu", push_to_hub=False, chunk_size=options.chunk, n_action_steps=options.chunk,
        pretrained_backbone_weights="ResNet18_Weights.IMAGENET1K_V1" if options.backbone == "imagenet" else None,
        optimizer_lr=options.lr, optimizer_lr_backbone=options.lr_backbone,
    )


def calibrate(policy, data, cameras, stats, options):
    """Gives a ResNet without ImageNet's weights means and variances of our pictures.

    LeRobot's backbone never updates those of its normalisation layers: they come with ImageNet's weights. Without those they
    would be 0 and 1, and nothing would be normalised. Layer by layer in the order of evaluation, from one batch.
    """
    import torch
    from torchvision.ops import FrozenBatchNorm2d

    draw, images = random.Random(options.seed), []
    for _ in range(32):
        item = data[draw.randrange(len(data))]
        for camera in cameras:
            mean, std = (torch.from_numpy(stats[IMAGES + camera][key]).float() for key in ("mean", "std"))
            images.append((item[IMAGES + camera] - mean) / std)

    def normalise(layer, inputs):
        x = inputs[0]
        layer.running_mean.copy_(x.mean(dim=(0, 2, 3)))
        layer.running_var.copy_(x.var(dim=(0, 2, 3)))

    layers = [layer for layer in policy.model.backbone.modules() if isinstance(layer, FrozenBatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(normalise) for layer in layers]
    with torch.no_grad():
        policy.model.backbone(torch.stack(images))
    for hook in hooks:
        hook.remove()


def collate(items, cameras, words):
    import torch

    keys = [STATE, ACTION, "action_is_pad", *(IMAGES + camera for camera in cameras)]
    batch = {key: torch.stack([item[key] for item in items]) for key in keys}
    batch[WORDS] = torch.from_numpy(np.stack([words.vector(item["task"]) for item in items]))
    return batch


def recover(out):
    """The last checkpoint in its place, if `save` was killed while the next one took it."""
    folder, old = os.path.join(out, "checkpoint"), os.path.join(out, "checkpoint.old")
    if os.path.exists(old) and not os.path.exists(folder):
        os.rename(old, folder)


def save(out, policy, optimiser, stats, about, done):
    """Into a folder aside that then takes the place of the last one."""
    import torch
    from lerobot.policies.act.processor_act import make_act_pre_post_processors

    aside, folder = os.path.join(out, "checkpoint.new"), os.path.join(out, "checkpoint")
    shutil.rmtree(aside, ignore_errors=True)
    os.makedirs(aside)
    # Nobody shall fetch ImageNet's weights to load these.
    policy.config.pretrained_backbone_weights = None
    policy.save_pretrained(os.path.join(aside, POLICY))
    for processor in make_act_pre_post_processors(policy.config, stats):
        processor.save_pretrained(os.path.join(aside, POLICY))
    torch.save({"optimiser": optimiser.state_dict(), "done": done}, os.path.join(aside, STATE_FILE))
    with open(os.path.join(aside, ABOUT), "w") as file:
        json.dump(dict(about, done=done), file, indent=2)
    old = os.path.join(out, "checkpoint.old")
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(folder):
        os.rename(folder, old)
    os.rename(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


# ---------------------------------------------------------------- evaluation


def evaluate(options):
    import lerobot
    import torch
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.factory import make_pre_post_processors

    torch.set_num_threads(options.threads)
    folder = os.path.join(options.run, "checkpoint")
    with open(os.path.join(folder, ABOUT)) as file:
        about = json.load(file)
    path = os.path.join(folder, POLICY)
    policy = ACTPolicy.from_pretrained(path)
    policy.config.n_action_steps = min(options.actions or about["chunk"], about["chunk"])
    pre, post = make_pre_post_processors(policy.config, pretrained_path=path)
    act = Actor(policy, pre, post, about)
    tasks, seeds = options.tasks.split(","), range(options.seed, options.seed + options.episodes)
    with bridge.World(options.program, tasks, options.bridge, options.moving) as world:
        versions = {"bridge": world.hello["about"], "lerobot": lerobot.__version__, "torch": torch.__version__}
        rows, incomplete = play(world, act, tasks, seeds, about["fps"], options.time_limit)
    if not rows:
        sys.exit(incomplete)
    with open(os.path.join(path, "model.safetensors"), "rb") as file:
        fingerprint = hashlib.sha256(file.read()).hexdigest()[:16]
    samples = about["done"]["step"] * about["batch"]
    named = "ACT (LeRobot), %d samples%s" % (samples, "" if samples >= 800000 else ", under-trained")
    device = "cpu, %d torch threads" % options.threads
    meta = report.meta(versions, named, fingerprint, options.seed, about["fps"], device, about["cameras"], options.moving)
    result = report.tabulate(meta, rows, incomplete)
    print(named)
    report.show(result)
    if options.json:
        report.write(options.json, result)
    if incomplete:
        sys.exit("the evaluation is incomplete: %s" % incomplete)


class Actor:
    """From what is seen to an action; a new chunk is predicted when the last one is used up."""

    def __init__(self, policy, pre, post, about):
        self.policy, self.pre, self.post = policy, pre, post
        self.cameras, self.words = about["cameras"], Vocabulary(about["words"])

    def reset(self):
        self.policy.reset()

    def __call__(self, seen):
        import torch

        batch = {STATE: torch.from_numpy(seen.state.astype(np.float32)),
                 WORDS: torch.from_numpy(self.words.vector(seen.sentence))}
        for camera in self.cameras:
            image = torch.from_numpy(np.array(seen.images[camera]))
            batch[IMAGES + camera] = image.permute(2, 0, 1).float() / 255.0
        return self.post(self.policy.select_action(self.pre(batch)))[0].numpy()


def play(world, act, tasks, seeds, fps, time_limit_secs):
    """A row for each episode, and why there are no more if an error ended it: what was measured until then is worth having."""
    rows = []
    try:
        for task in tasks:
            for seed in seeds:
                rows.append(episode(world, act, task, seed, fps, time_limit_secs))
                print("%s %d: %s" % (task, seed, "success" if rows[-1]["success"] else "no"), flush=True)
    except Exception as error:
        traceback.print_exc()
        return rows, "%s, %d: %s: %s" % (task, seed, type(error).__name__, error)
    return rows, None


def episode(world, act, task, seed, fps, time_limit_secs):
    first = seen = world.reset(task, seed)
    act.reset()
    while not seen.done and seen.secs < time_limit_secs:
        seen = world.act(act(seen), 1.0 / fps)
    return report.row(task, seed, first, seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    of = what.add_parser("train")
    of.add_argument("--data", required=True, help="the set that demonstrations.py joined")
    of.add_argument("--out", required=True, help="folder of the run")
    of.add_argument("--steps", type=int, default=100000)
    of.add_argument("--max-secs", type=float, default=float("inf"), help="stop after this time; go on with the same command")
    of.add_argument("--batch", type=int, default=8)
    of.add_argument("--chunk", type=int, default=20, help="actions of a prediction, and executed before the next one")
    of.add_argument("--lr", type=float, default=1e-5)
    of.add_argument("--lr-backbone", type=float, default=1e-5)
    of.add_argument("--backbone", choices=["imagenet", "scratch"], default="imagenet",
                    help="imagenet: torchvision fetches the weights; scratch: where it cannot")
    of.add_argument("--bf16", action="store_true", help="mixed precision, where the processor has it")
    of.add_argument("--cameras", default=CAMERAS)
    of.add_argument("--seed", type=int, default=1)
    of.add_argument("--threads", type=int, default=2)
    of.add_argument("--log-every", type=int, default=50)
    of.add_argument("--save-every", type=int, default=500)
    of = what.add_parser("eval")
    of.add_argument("--run", required=True, help="folder of the run")
    of.add_argument("--tasks", default=TASKS, help="comma-separated")
    of.add_argument("--episodes", type=int, default=50)
    of.add_argument("--seed", type=int, default=EVAL_SEED)
    of.add_argument("--actions", type=int, help="executed of each prediction; all if left out")
    of.add_argument("--time-limit", type=float, default=20.0, metavar="SECS", help="simulated; run.yaml has the same")
    of.add_argument("--threads", type=int, default=2)
    of.add_argument("--program", default=os.path.join(ROOT, "neuraxis"))
    of.add_argument("--moving", choices=["still", "displaced", "drifting"], default="still", help="the scene, during the approach")
    of.add_argument("--bridge", metavar="HOST:PORT", help="a server that runs; else one is started")
    of.add_argument("--json", metavar="FILE", help="write the result here")
    options = parser.parse_args()
    {"train": train, "eval": evaluate}[options.what](options)


if __name__ == "__main__":
    main()
