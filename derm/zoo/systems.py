"""Every system that the paper names: its source, what was claimed of it, what could not be known, what we decided.

Gives `SYSTEMS`. Networks are built by `derm.model.systems.builders`, ours by `LesionNet`. Knows no result of ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.config import Design, ModelConfig

Task = Literal["diagnosis", "outline", "both"]
"""What a system answers with."""

OURS = "shared"
"""The system that all others are held against."""

WITHOUT_NORM = 1e-4
"""Learning rate of networks without batch normalisation, which 1e-3 makes diverge from random weights."""


@dataclass(frozen=True)
class Claim:
    """What the paper prints of a system."""

    figures: str
    """As printed."""

    data: str
    """What they are said to be of."""

    where: str
    """The place in the paper."""


@dataclass(frozen=True)
class System:
    """One system of the paper, or one of ours."""

    name: str
    """As on the command line; for others than ours also the name in `derm.model.systems.builders`."""

    label: str
    """As in a table."""

    task: Task

    source: str
    """Whom the paper cites, and where the network is from."""

    parts: str
    """What it is built of here."""

    claims: tuple[Claim, ...]

    unknown: str
    """What the paper does not say."""

    decided: str
    """What stands here for it."""

    learning_rate: float | None = None
    """Where the protocol's own does not fit."""

    maps: str = ""
    """Why its features make no heat map of the picture; '' where they do. LIME and SHAP need none."""

    design: Design | None = None
    """Of ours; None of another's."""

    @property
    def names(self) -> bool:
        """Whether it gives a diagnosis."""
        return self.task != "outline"

    @property
    def draws(self) -> bool:
        """Whether it gives an outline."""
        return self.task != "diagnosis"

    def model(self, size: int) -> ModelConfig:
        """The configuration of its network at an input of size × size pixels."""
        if self.design is not None:
            return ModelConfig(design=self.design, input_size=size)
        return ModelConfig(system=self.name, input_size=size)


_CASSIDY = "ISIC data sets, which are not named"
_CLASSIC = "The paper names the network alone: no version, input size, starting weights or length of training."
_AS_IS = "The network as published with seven outputs, trained as all others here."

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System(
            "shared",
            "Ours, shared (EfficientNet-B0)",
            "both",
            "Fiaz et al. 2025, section 4.2; this repository",
            "timm efficientnet_b0, segmentation-models-pytorch's U-Net decoder",
            (Claim("accuracy 0.8432, AUC 0.9350, Dice 0.8622, IoU 0.7736", "HAM10000, split by image", "Tables 2, 3"),),
            "Whether one encoder serves both tasks: the paper says so in section 4.2 and otherwise in section 3.",
            "One encoder for outline and diagnosis, Derm's default.",
            design="shared",
        ),
        System(
            "dual",
            "Ours, dual (ResNet34 U-Net + EfficientNet-B0)",
            "both",
            "Fiaz et al. 2025, Table 4; this repository",
            "timm resnet34 and efficientnet_b0, segmentation-models-pytorch's U-Net decoder",
            (Claim("accuracy 85.57%, AUC-ROC 0.9739, Dice 0.8622, IoU 0.7736", "HAM10000, split by image", "Table 4"),),
            "How the classifier's features enrich the U-Net's.",
            "They are mixed in at each scale, see docs/architecture.md.",
            design="dual",
        ),
        System(
            "alexnet",
            "AlexNet",
            "diagnosis",
            "Reference 44 in section 2; Krizhevsky et al. 2012",
            "torchvision alexnet",
            (Claim("accuracy 78.4", "10,015 dermoscopic images, seven categories", "section 2"),),
            _CLASSIC + " Table 1 gives reference 44 other networks and figures.",
            _AS_IS + " Learning rate 1e-4, for it has no batch normalisation.",
            learning_rate=WITHOUT_NORM,
        ),
        System(
            "resnet-18",
            "ResNet-18",
            "diagnosis",
            "Reference 44 in section 2; He et al. 2016",
            "timm resnet18",
            (Claim("accuracy 83.2", "10,015 dermoscopic images, seven categories", "section 2"),),
            _CLASSIC,
            _AS_IS,
        ),
        System(
            "resnet-50",
            "ResNet-50",
            "diagnosis",
            "References 44 (section 2) and 39 (Table 1); He et al. 2016",
            "timm resnet50",
            (
                Claim("accuracy 86.6", "10,015 dermoscopic images, seven categories", "section 2"),
                Claim("accuracy 93% (of several networks together)", "a balanced data set", "Table 1"),
            ),
            _CLASSIC + " Which network of reference 39 reached 93% is not said.",
            _AS_IS,
        ),
        System(
            "vgg19",
            "VGG19",
            "diagnosis",
            "Cassidy et al. (44) in Table 1; Simonyan and Zisserman 2015",
            "timm vgg19",
            (Claim("accuracy 0.56", _CASSIDY, "Table 1"),),
            _CLASSIC,
            _AS_IS + " Learning rate 1e-4, for it has no batch normalisation.",
            learning_rate=WITHOUT_NORM,
        ),
        System(
            "densenet-201",
            "DenseNet-201",
            "diagnosis",
            "Hameed et al. (35) in section 2, Cassidy et al. (44) in Table 1; Huang et al. 2017",
            "timm densenet201",
            (
                Claim("accuracy 84.3", "ISIC 2019, 25,331 images", "section 2"),
                Claim("accuracy 0.36", _CASSIDY, "Table 1"),
            ),
            _CLASSIC + " Table 1 calls reference 35 a review.",
            _AS_IS,
        ),
        System(
            "inception-v3",
            "Inception-v3",
            "diagnosis",
            "Hameed et al. (35) in section 2, Cassidy et al. (44) in Table 1; Szegedy et al. 2016",
            "timm inception_v3",
            (
                Claim("accuracy 81.5", "ISIC 2019, 25,331 images", "section 2"),
                Claim("accuracy 0.30", _CASSIDY, "Table 1"),
            ),
            _CLASSIC,
            _AS_IS + " Without the auxiliary output.",
            maps="below 128 pixels its features are a single cell",
        ),
        System(
            "inception-v4",
            "Inception-v4",
            "diagnosis",
            "Paccotacya-Yanque et al. (37); Szegedy et al. 2017",
            "timm inception_v4",
            (
                Claim("accuracy 89.96–400 [sic]", "ISIC 2018", "section 2"),
                Claim("ROC AUC for CME 0.88", "ISIC", "Table 1"),
                Claim("F1 0.84 (melanoma), 0.87 (benign)", "ISIC", "Table 4"),
            ),
            "What 89.96–400 means; 0.88 is the fidelity of an explanation, not a diagnosis.",
            _AS_IS
            + " Of reference 37's explanations LIME, SHAP, ACE and CME are measured here; for Grad-CAM, Score-CAM "
            "and ICE see below.",
            maps="below 128 pixels its features are a single cell",
        ),
        System(
            "efficientnet-b3",
            "EfficientNet-B3",
            "diagnosis",
            "Cassidy et al. (44) in Table 1, and the paper's conclusion; Tan and Le 2019",
            "timm efficientnet_b3",
            (Claim("accuracy 0.53", _CASSIDY, "Table 1"),),
            "The conclusion says that the proposed model has a B3 encoder; everywhere else it is B0.",
            _AS_IS,
        ),
        System(
            "aa-cnn",
            "Anti-aliased CNN",
            "diagnosis",
            "Le et al. (36) in section 2; Zhang 2019 (blur pooling)",
            "timm resnetblur50",
            (Claim("accuracy 88.87, AUC 0.945", "ISIC 2018, 10,015 training and 1,512 test images", "section 2"),),
            "The network that is anti-aliased. Table 1 calls reference 36 a U-Net.",
            "ResNet-50 with a blur before each halving.",
        ),
        System(
            "multiscale-inception-v3",
            "Multi-scale Inception-v3",
            "diagnosis",
            "DeVries and Ramachandram (43); Szegedy et al. 2016",
            "timm inception_v3, twice",
            (
                Claim(
                    "accuracy 90.3%, AUC 0.896 (melanoma), 0.990 (seborrhoeic keratosis), of ten models together",
                    "ISIC 2017",
                    "section 2",
                ),
                Claim("accuracy 88%", "ISIC 2017", "Table 1; Table 4 gives it to reference 40"),
            ),
            "The two scales, whether weights are shared, how both are joined.",
            "One network sees the whole square, one of its own weights the middle half of it enlarged; their pooled "
            "features are joined. The fine scale has no more pixels than the square. One model, not ten.",
            maps="its features are of two pictures of different extent",
        ),
        System(
            "inception-densenet",
            "Inception-v3 + DenseNet-121, fused",
            "diagnosis",
            "References 45 and 46 in section 2",
            "timm inception_v3 and densenet121",
            (Claim('"improved classification outcomes"', "not said", "section 2"),),
            "Where the two are fused, and every figure.",
            "Their pooled features are joined, and one linear layer follows.",
            maps="below 128 pixels its features are a single cell",
        ),
        System(
            "deep-features-kelm",
            "ResNet-101 + DenseNet-201, moth-flame selection, kernel machine",
            "diagnosis",
            "Khan et al. (40); Mirjalili 2015 (moth-flame), Huang et al. 2012 (kernel extreme learning machine)",
            "timm resnet101 and densenet201; selection and kernel machine our own",
            (
                Claim("accuracy 90.67%, Dice 0.87", "HAM10000", "Table 1"),
                Claim("accuracy 90.67", "not said", "section 2"),
            ),
            "What is improved in its moth-flame search, the fitness, the kernel, how many features are kept, the "
            "correlation by which features are fused (MMCA), and the ten layers of its segmentation.",
            "Both networks are trained together with a linear layer. Moth-flame search as of 2015 then chooses among "
            "their joined, pooled features by balanced accuracy on a third of the training part's lesions that the "
            "machine is not fitted to; a Gaussian kernel machine is fitted to the whole training part. No segmentation "
            "and no MMCA.",
        ),
        System(
            "residual-skin-net",
            "Skin-Net (residual, several levels)",
            "diagnosis",
            "Alsahafi et al. (42) in Table 1",
            "our own",
            (Claim("accuracy 90%", "ISIC 2020", "Table 1"),),
            "Layers and widths. Section 2 calls reference 42 a U-Net for outlines.",
            "Five residual stages of 32 to 512 channels, each with local response normalisation across channels; the "
            "pooled features of all five are read.",
        ),
        System(
            "cl-dcnn",
            "CL-DCNN (class maps and masks teach each other)",
            "both",
            "Wang et al. (38)",
            "timm resnet34 twice, segmentation-models-pytorch's U-Net decoder; the teaching our own",
            (
                Claim("Jaccard score 79.1%, AUC 93.7%", "ISIC 2017 and ISIC Archive", "Table 1"),
                Claim("Jaccard 0.76 (melanoma), 0.80 (non-melanoma)", "ISIC 2017", "Table 4"),
            ),
            "Encoders, order of training, how pseudo-labels enter; the self-training uses images without labels.",
            "A first outline weighs the picture that the classifier sees; the classifier's map of its likeliest class "
            "enters the decoder at its deepest features for a second outline, and the two are averaged. Neither is "
            "bent by the other's loss. No images without labels.",
        ),
        System(
            "unet",
            "U-Net",
            "outline",
            "Thwin and Park (39) in Table 1; Ronneberger et al. 2015",
            "our own",
            (Claim("Dice 0.93, IoU 0.90 (of several networks together)", "a balanced data set", "Table 1"),),
            "Widths, and which of its networks has these figures.",
            "Five levels of 32 to 512 channels, half of the original's, with batch normalisation.",
        ),
        System(
            "segnet-vgg16",
            "SegNet on VGG16",
            "outline",
            "Thwin and Park (39) in Table 1; Badrinarayanan et al. 2017",
            "timm vgg16_bn; the decoder our own",
            (Claim("Dice 0.93, IoU 0.90 (of several networks together)", "a balanced data set", "Table 1"),),
            "Which of its networks has these figures; Table 4 gives reference 39 the MRP-U-Net's.",
            "As published, with batch normalisation.",
        ),
        System(
            "deeplabv3",
            "DeepLabV3",
            "outline",
            "Thwin and Park (39) in Table 1; Chen et al. 2017",
            "segmentation-models-pytorch's DeepLabV3 on timm resnet50",
            (Claim("Dice 0.93, IoU 0.90 (of several networks together)", "a balanced data set", "Table 1"),),
            "Its encoder, and which of its networks has these figures.",
            "ResNet-50, the library's own dilations.",
        ),
        System(
            "mrp-unet",
            "MRP-U-Net",
            "outline",
            "Liu et al. (41) in Table 1",
            "our own",
            (
                Claim("Dice 0.90, IoU 0.85", "ISIC 2016, 2017, 2018, HAM10000", "Table 1"),
                Claim("Dice 0.87 (melanoma), 0.91 (non-melanoma)", "ISIC 2016–2018, HAM10000", "Table 4"),
            ),
            "Widths and dilations. Section 2 describes reference 41 as an attention U-Net with a classifier.",
            "The picture enters at four scales; dilations 1, 2, 4 and 8 side by side at the bottom; widths as of the "
            "U-Net here.",
        ),
        System(
            "attention-unet",
            "Attention U-Net, anti-aliased",
            "outline",
            "Le et al. (36) in Table 1, reference 41 in section 2; Oktay et al. 2018, Zhang 2019",
            "our own; timm's blur",
            (
                Claim("Dice score 0.881, F1 score 0.900", "ISIC 2018", "Table 1"),
                Claim("Dice 0.85 (melanoma), 0.89 (non-melanoma)", "ISIC 2018", "Table 4"),
                Claim("Dice 91.28 percent, accuracy 89.14 percent (with a classifier)", "ISIC 2018", "section 2"),
            ),
            "Widths, the gates, where it is blurred.",
            "Gates of Oktay et al. on what is handed across, a blur at each halving, widths as of the U-Net here.",
        ),
        System(
            "skinnet",
            "SkinNet (dilated and dense U-Net)",
            "outline",
            "Reference 42 in section 2; Vesal et al. 2018",
            "our own",
            (Claim("Dice 85.1, Jaccard 76.7", "ISBI 2017", "section 2"),),
            "Widths, growth and dilations; Table 1 gives reference 42 to another system.",
            "Dense blocks of three steps, dilations 1, 2, 4 and 8 in a row at the bottom, widths as of the U-Net here.",
        ),
    )
}
"""By name: ours first, then those that name the diagnosis, then those that draw the outline."""


def find_systems(names: Sequence[str]) -> list[System]:
    """The systems of these names, each once, in the order asked; "all" for every one. ConfigFault for another name."""
    wanted = list(SYSTEMS) if "all" in names else list(dict.fromkeys(names))
    for name in wanted:
        if name not in SYSTEMS:
            close = ", ".join(get_close_matches(name, SYSTEMS, n=3))
            raise ConfigFault(
                say("There is no system '{name}': use one of its names, such as {close}.", name=name, close=close)
                if close
                else say("There is no system '{name}': use one of its names, see `derm zoo list`.", name=name)
            )
    return [SYSTEMS[name] for name in wanted]
